import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { get } from './support/http.ts';
import { residentMB } from './support/load.ts';
import { serveTcp } from './support/servers.ts';
import { startService } from './support/services.ts';
import { draw, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const viewer = disposeAfterTests(await startViewer());
const service3 = disposeAfterTests(await startService('service3', { ...viewer.env, SERVICE3_SLEEP_MS: '0' }));

const ok = 'HTTP/1.1 200 OK\r\n';
const failures: Record<
  string,
  { serve: (socket: Socket) => void; status: 502 | 504; reason: RegExp; timeoutMs?: number }
> = {
  'never responds': { serve: () => {}, status: 504, reason: /^no response from http\S+ within \d+ ms$/ },
  'stops in the middle of its response': {
    serve: (socket) => socket.once('data', () => socket.write(`${ok}content-length: 10\r\n\r\nhalf`)),
    status: 504,
    reason: /^no response from http\S+ within \d+ ms$/,
  },
  'sends a byte now and then': {
    serve: (socket) =>
      socket.once('data', () => {
        socket.write(`${ok}content-length: 100000\r\n\r\n`);
        const drip = setInterval(() => socket.write('.'), 100);
        socket.on('close', () => clearInterval(drip));
      }),
    status: 504,
    reason: /^no response from http\S+ within \d+ ms$/,
  },
  'resets the connection': {
    serve: (socket) => socket.once('data', () => socket.resetAndDestroy()),
    status: 502,
    reason: /ECONNRESET|closed/,
  },
  'closes in the middle of its response': {
    serve: (socket) => socket.once('data', () => socket.end(`${ok}content-length: 10\r\n\r\nhalf`)),
    status: 502,
    reason: /closed|terminated/,
  },
  'sends garbage': {
    serve: (socket) => socket.once('data', () => socket.end('%%% this is no HTTP %%%')),
    status: 502,
    reason: /./,
  },
  'sends a body without an end': {
    serve: (socket) =>
      socket.once('data', () => {
        socket.write(`${ok}transfer-encoding: chunked\r\n\r\n`);
        const megabyte = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
        const more = () => {
          while (!socket.destroyed && socket.write(megabyte));
        };
        socket.on('drain', more);
        more();
      }),
    timeoutMs: 1500, // two calls: kept in memory, their bodies would be more than 1 GB by then
    status: 504,
    reason: /^no response from http\S+ within \d+ ms$/,
  },
};

for (const [what, { serve, status, reason, timeoutMs = status === 504 && 1000 }] of Object.entries(failures)) {
  test(`a service that ${what}: a ${status} in time, bounded memory, a red span with the reason`, async () => {
    await using broken = await serveTcp(serve);
    await using service1 = await startService('service1', {
      ...viewer.env,
      SERVICE2_URL: broken.url,
      SERVICE3_URL: broken.url,
      ...(timeoutMs && { DOWNSTREAM_TIMEOUT_MS: String(timeoutMs) }),
    });
    const before = residentMB(service1.pid);
    const { status: responseStatus, body } = await get(service1.url);
    assert.equal(responseStatus, 502);
    assert.deepEqual(body.response_codes, { service2: null, service3: null });
    assert.deepEqual([body.errors?.service2?.status, body.errors?.service3?.status], [status, status]);
    const grown = residentMB(service1.pid) - before;
    assert.ok(grown < 400, `${grown} MB more`);
    const spans = await traceOf(viewer, `${body.trace_id}`, 5);
    const trace = draw(spans);
    const [, error = ''] = trace.match(/CLIENT service1 get error=(.+)/) ?? [];
    assert.match(error, reason);
    assert.match(trace, /- service1 call_service2_from_service1 error=/);
    if (status === 504) {
      const client = spans.find(({ kind, tags }) => kind === 'CLIENT' && tags?.error);
      assert.equal(client?.tags?.['error.type'], 'DownstreamError');
    }
  });
}

test('a service that is killed and restarted: service1 always responds, and recovers', async () => {
  const env = { ...viewer.env, SERVICE3_URL: service3.url, INTENTIONAL_FAILURE_PCT: '0' };
  await using first = await startService('service2', env);
  await using service1 = await startService('service1', {
    ...env,
    SERVICE2_URL: first.url,
  });
  assert.deepEqual((await get(service1.url)).body.response_codes, { service2: 200, service3: 200 });

  first.signal('SIGKILL');
  await first.exit;
  for (let i = 0; i < 20; i++) {
    const { status, body } = await get(service1.url);
    assert.deepEqual([status, body.response_codes], [502, { service2: null, service3: 200 }]);
    assert.equal(body.errors?.service2?.status, 502);
  }
  await using _second = await startService('service2', { ...env, PORT: new URL(first.url).port });
  await until('a good response', async () => (await get(service1.url)).status === 200);
});
