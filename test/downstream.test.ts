import assert from 'node:assert/strict';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { get } from './support/http.ts';
import { residentMB } from './support/load.ts';
import { linesOf } from './support/log-lines.ts';
import { closedUrl, serve, serveTcp } from './support/servers.ts';
import { startService } from './support/services.ts';
import { draw, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const ok = 'HTTP/1.1 200 OK\r\n';
const timedOut = { status: 504, reason: /^no response from http\S+ within 1500 ms$/ };
const failures: Record<string, { respond: (socket: Socket) => void; status: number; reason: RegExp }> = {
  'never responds': { respond: () => {}, ...timedOut },
  'stops in the middle of its response': {
    respond: (socket) => socket.write(`${ok}content-length: 10\r\n\r\nhalf`),
    ...timedOut,
  },
  'sends a byte now and then': {
    respond: (socket) => {
      socket.write(`${ok}content-length: 100000\r\n\r\n`);
      const drip = setInterval(() => socket.write('.'), 100);
      socket.on('close', () => clearInterval(drip));
    },
    ...timedOut,
  },
  'resets the connection': {
    respond: (socket) => socket.resetAndDestroy(),
    status: 502,
    reason: /ECONNRESET|closed/,
  },
  'closes in the middle of its response': {
    respond: (socket) => socket.end(`${ok}content-length: 10\r\n\r\nhalf`),
    status: 502,
    reason: /closed|terminated/,
  },
  'sends garbage': {
    respond: (socket) => socket.end('%%% this is no HTTP %%%'),
    status: 502,
    reason: /./,
  },
  'sends a body without an end': {
    respond: (socket) => {
      socket.write(`${ok}transfer-encoding: chunked\r\n\r\n`);
      const megabyte = Buffer.from(`100000\r\n${'x'.repeat(0x100000)}\r\n`);
      let megabytes = 0; // kept in memory, 400 of them would exceed the limit below
      const more = () => {
        while (!socket.destroyed && megabytes++ < 400 && socket.write(megabyte));
      };
      socket.on('drain', more);
      more();
    },
    ...timedOut,
  },
};

const viewer = disposeAfterTests(await startViewer());
let respond: (socket: Socket) => void;
const broken = disposeAfterTests(await serveTcp((socket) => socket.once('data', () => respond(socket))));
const env = { ...viewer.env, SERVICE2_URL: broken.url, SERVICE3_URL: broken.url };
const service1 = disposeAfterTests(await startService('service1', env));
const impatientService1 = disposeAfterTests(await startService('service1', { ...env, DOWNSTREAM_TIMEOUT_MS: '1500' }));

let service3: RequestListener;
const anyService3 = disposeAfterTests(await serve((req, res) => service3(req, res)));
const toService3 = { ...viewer.env, SERVICE3_URL: anyService3.url, INTENTIONAL_FAILURE_PCT: '0' };
const service2 = disposeAfterTests(await startService('service2', { ...toService3, DOWNSTREAM_TIMEOUT_MS: '1000' }));
const itsService1 = disposeAfterTests(await startService('service1', { ...toService3, SERVICE2_URL: service2.url }));

for (const [what, { respond: fail, status, reason }] of Object.entries(failures)) {
  test(`a service that ${what}: a ${status} in time, bounded memory, a red span with the reason`, async () => {
    respond = fail;
    const { url, pid } = status === 504 ? impatientService1 : service1;
    const before = residentMB(pid);
    const { status: responseStatus, body } = await get(url);
    assert.equal(responseStatus, 502);
    assert.deepEqual(body.response_codes, { service2: null, service3: null });
    const error = (name: string) => ({
      status,
      message: status === 504 ? `no response from ${name} in time` : `can't reach ${name}`,
    });
    assert.deepEqual(body.errors, { service2: error('service2'), service3: error('service3') });
    const grown = residentMB(pid) - before;
    assert.ok(grown < 200, `${grown} MB more`);
    const spans = await traceOf(viewer, `${body.trace_id}`, 5);
    const trace = draw(spans);
    const [, clientError = ''] = trace.match(/CLIENT service1 get error=(.+)/) ?? [];
    assert.match(clientError, reason);
    assert.match(trace, /- service1 call_service2_from_service1 error=/);
    if (status === 504) {
      const client = spans.find(({ kind, tags }) => kind === 'CLIENT' && tags?.error);
      assert.equal(client?.tags?.['error.type'], 'DownstreamError');
    }
  });
}

test('any status of a service is reported as received', async () => {
  respond = (socket) => socket.end('HTTP/1.1 503 Busy\r\ncontent-length: 8\r\n\r\nnot json');
  const { status, body } = await get(service1.url);
  assert.equal(status, 200);
  assert.deepEqual(body.response_codes, { service2: 503, service3: 503 });
  assert.match(draw(await traceOf(viewer, `${body.trace_id}`, 5)), /CLIENT service1 get error=503/);
});

test('a redirect of a service is reported, not followed', async () => {
  let followed = false;
  await using elsewhere = await serve((_req, res) => {
    followed = true;
    res.end();
  });
  respond = (socket) => socket.end(`HTTP/1.1 302 Found\r\nlocation: ${elsewhere.url}\r\ncontent-length: 0\r\n\r\n`);
  const { body } = await get(service1.url);
  assert.deepEqual([body.response_codes, followed], [{ service2: 302, service3: 302 }, false]);
});

test('services that can’t be reached, one of them by two addresses, as localhost often has: the trace and the log have the reason', async () => {
  const nobody = closedUrl();
  const { host, port } = new URL(nobody);
  const twoAddresses = `import dns from 'node:dns';
    const lookup = dns.lookup;
    const both = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    dns.lookup = (name, ...rest) => (name === 'shop.test' ? rest.at(-1)(null, both) : lookup(name, ...rest));`;
  await using service1 = await startService('service1', {
    ...viewer.env,
    SERVICE2_URL: nobody,
    SERVICE3_URL: `http://shop.test:${port}`,
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(twoAddresses)}`,
  });
  const { status, body } = await get(service1.url);
  assert.equal(status, 502);
  const error = (name: string) => ({ status: 502, message: `can't reach ${name}` });
  assert.deepEqual(body.errors, { service2: error('service2'), service3: error('service3') });
  assert.equal(
    draw(await traceOf(viewer, `${body.trace_id}`, 5)),
    `
SERVER service1 get / route=/ error=502
  - service1 call_service2_from_service1 error=can't reach ${nobody}: connect ECONNREFUSED ${host}
    CLIENT service1 get error=connect ECONNREFUSED ${host}
  - service1 call_service3_from_service1 error=can't reach http://shop.test:${port}: ECONNREFUSED
    CLIENT service1 get error=ECONNREFUSED`.trim(),
  );
  const errors = await until('two error lines', () => {
    const lines = linesOf(service1).filter(({ level }) => level === 'error');
    return lines.length === 2 && lines;
  });
  assert.deepEqual(
    errors.map(({ msg, trace_id }) => [msg.slice(0, 22), trace_id]),
    [
      ["service2: can't reach ", body.trace_id],
      ["service3: can't reach ", body.trace_id],
    ],
  );
});

test('service2 gives up in half the time of service1, which gets its 502', async () => {
  const waiting: ServerResponse[] = [];
  service3 = (_req, res) => void waiting.push(res);
  const response = get(itsService1.url);
  await until('the call to service3 by service1', () => waiting.length === 2); // the first one is by service2
  waiting[1]?.end();
  const { status, body } = await response;
  assert.deepEqual([status, body.response_codes], [200, { service2: 502, service3: 200 }]);
  const trace = draw(await traceOf(viewer, `${body.trace_id}`, 8));
  assert.match(trace, /- service2 call_service3_from_service2 error=no response from \S+ within 500 ms/);
  assert.match(trace, /CLIENT service2 get error=no response from/);
});

test('a service that is killed and restarted: service1 always responds, calls the other one, and recovers', async () => {
  service3 = (_req, res) => res.end();
  const isGood = async () => (await get(itsService1.url)).body.response_codes.service2 === 200;
  await until('a good response', isGood);

  service2.signal('SIGKILL');
  await service2.exit;
  for (let i = 0; i < 20; i++) {
    const { status, body } = await get(itsService1.url);
    assert.deepEqual([status, body.response_codes], [502, { service2: null, service3: 200 }]);
    assert.equal(body.errors?.service2?.status, 502);
  }
  await using _second = await startService('service2', { ...toService3, PORT: new URL(service2.url).port });
  await until('a good response', isGood);
});
