import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { ZipkinSpan } from '../local/viewer/span.ts';
import { get } from './support/http.ts';
import { load } from './support/load.ts';
import { closedUrl, serve } from './support/servers.ts';
import { startService, startSharedDemo } from './support/services.ts';
import { draw, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const { viewer, demo } = await startSharedDemo(() => ({ TRACE_UI_URL: 'http://ui.example/t/{traceId}?v=1' }));
const notTraced = { OTEL_TRACES_EXPORTER: 'none' };

test('the response to a good request has both response codes and a link to the trace', async () => {
  const { status, headers, body } = await get(demo.url);
  assert.equal(status, 200);
  assert.match(`${headers.get('content-type')}`, /^application\/json/);
  assert.match(`${body.trace_id}`, /^[0-9a-f]{32}$/);
  assert.deepEqual(body, {
    failure_chance_pct: 0,
    response_codes: { service2: 200, service3: 200 },
    trace_id: body.trace_id,
    trace_url: `http://ui.example/t/${body.trace_id}?v=1`,
  });
});

test('a response ends with a newline, so that the prompt after curl is on a line of its own', async () => {
  for (const path of ['/', '/health', '/nowhere']) {
    assert.match(await (await fetch(demo.url + path)).text(), /^\{.*\}\n$/);
  }
});

test('without telemetry.ts the response is the same, except for the link', async () => {
  const env = { SERVICE3_URL: demo.service3.url, INTENTIONAL_FAILURE_PCT: '100' };
  await using service2 = await startService('service2', env, { telemetry: false });
  await using service1 = await startService('service1', { ...env, SERVICE2_URL: service2.url }, { telemetry: false });
  const { status, body } = await get(service1.url);
  assert.equal(status, 200);
  assert.deepEqual(body, { failure_chance_pct: 100, response_codes: { service2: 500, service3: 200 } });
});

test('service2 and service3 can be called directly; an intentional failure has a message, and no stack', async () => {
  await using failing = await startService('service2', { ...notTraced, INTENTIONAL_FAILURE_PCT: '100' });
  assert.deepEqual(await json(demo.service2.url), [200, { response_codes: { service3: 200 } }]);
  assert.deepEqual(await json(demo.service3.url), [200, { slept_ms: 1 }]);
  assert.deepEqual(await json(failing.url), [500, { error: 'Intentional 100% failure' }]);
});

test('INTENTIONAL_FAILURE_PCT is the percentage of requests that fail', async () => {
  const env = { ...notTraced, SERVICE3_URL: demo.service3.url, INTENTIONAL_FAILURE_PCT: '30' };
  await using service2 = await startService('service2', env);
  const responses = await load(service2.url, 500, 10);
  const failed = responses.filter(({ status }) => status === 500).length;
  assert.ok(failed > 98 && failed < 202, `${failed} of 500`); // 150, plus or minus five standard deviations
  assert.equal(responses.filter(({ status }) => status === 200).length, 500 - failed);
});

for (const name of ['service1', 'service2', 'service3'] as const) {
  test(`${name} responds to /health with 200 and to unknown paths with 404, as JSON; /health and /favicon.ico are not traced`, async () => {
    const { url } = demo[name];
    for (const path of ['/health?x=1', '/health/', '/HEALTH']) {
      assert.deepEqual(await json(url + path), [200, { status: 'UP' }]);
    }
    assert.match(await sendRaw(url, `GET ${url}/health HTTP/1.1`), /"UP"/);
    assert.equal((await json(`${url}/favicon.ico`))[0], 404);
    assert.deepEqual(await json(`${url}/nowhere?password=s3cret`), [404, { error: 'not found: GET /nowhere' }]);
    // Spans arrive in the order in which they ended: when the last one is there, so are all before it.
    const paths = await until('the span of the last request', async () => {
      const [, traces] = await json(`${viewer.url}/api/v2/traces?serviceName=${name}&limit=9999`);
      const servers = (traces as ZipkinSpan[][])
        .flat()
        .filter(({ kind, localEndpoint }) => kind === 'SERVER' && localEndpoint?.serviceName === name);
      const found = servers.map(({ tags }) => tags?.['url.path']);
      return found.includes('/nowhere') && found;
    });
    assert.deepEqual(
      paths.filter((path) => path !== '/'),
      ['/nowhere'],
    );
  });
}

test('if a service can’t be reached, the other one is still called, the response is a 502 and the trace has the reason', async () => {
  await using service1 = await startService('service1', {
    ...viewer.env,
    SERVICE2_URL: closedUrl(),
    SERVICE3_URL: demo.service3.url,
  });
  const { status, body } = await get(service1.url);
  assert.equal(status, 502);
  assert.deepEqual(body.response_codes, { service2: null, service3: 200 });
  assert.deepEqual(body.errors, { service2: { status: 502, message: "can't reach service2" } });
  const trace = draw(await traceOf(viewer, `${body.trace_id}`, 7));
  assert.match(
    trace,
    /SERVER service1 get \/ route=\/ error=502\n {2}- service1 call_service2_from_service1 error=can't reach http\S+: connect ECONNREFUSED/,
  );
  assert.match(trace, /CLIENT service1 get error=connect ECONNREFUSED/);
});

test('if a host name has two addresses and both refuse, as localhost often does, the trace has the reason too', async () => {
  const { port } = new URL(closedUrl());
  const twoAddresses = `import dns from 'node:dns';
    const lookup = dns.lookup;
    const both = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    dns.lookup = (name, ...rest) => (name === 'shop.test' ? rest.at(-1)(null, both) : lookup(name, ...rest));`;
  const downstream = `http://shop.test:${port}`;
  await using service1 = await startService('service1', {
    ...viewer.env,
    SERVICE2_URL: downstream,
    SERVICE3_URL: downstream,
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(twoAddresses)}`,
  });
  const { body } = await get(service1.url);
  assert.deepEqual(body.errors?.service2, { status: 502, message: "can't reach service2" });
  const trace = draw(await traceOf(viewer, `${body.trace_id}`, 5));
  assert.match(trace, /CLIENT service1 get error=ECONNREFUSED/);
});

test('a service that never responds is a 504 in errors, and its spans say how long service1 waited', async () => {
  await using hung = await serve(() => {});
  const env = { ...viewer.env, SERVICE2_URL: hung.url, SERVICE3_URL: hung.url, DOWNSTREAM_TIMEOUT_MS: '1000' };
  await using service1 = await startService('service1', env);
  const { status, body } = await get(service1.url);
  assert.equal(status, 502);
  assert.deepEqual(body.response_codes, { service2: null, service3: null });
  const error = (name: string) => ({ status: 504, message: `no response from ${name} in time` });
  assert.deepEqual(body.errors, { service2: error('service2'), service3: error('service3') });
  const trace = draw(await traceOf(viewer, `${body.trace_id}`, 5));
  assert.match(trace, /- service1 call_service3_from_service1 error=no response from \S+ within 1000 ms/);
  assert.match(trace, /CLIENT service1 get error=no response from/);
});

test('service2 gives up in half the time of service1, which gets its 502', async () => {
  const waiting: ServerResponse[] = [];
  await using slow = await serve((_req, res) => void waiting.push(res));
  const env = { ...viewer.env, SERVICE3_URL: slow.url, INTENTIONAL_FAILURE_PCT: '0' };
  await using service2 = await startService('service2', { ...env, DOWNSTREAM_TIMEOUT_MS: '1000' });
  await using service1 = await startService('service1', { ...env, SERVICE2_URL: service2.url });
  const response = get(service1.url);
  await until('the call to service3 by service1', () => waiting.length === 2); // the first one is by service2
  waiting[1]?.end();
  const { status, body } = await response;
  assert.deepEqual([status, body.response_codes], [200, { service2: 502, service3: 200 }]);
  const trace = draw(await traceOf(viewer, `${body.trace_id}`, 8));
  assert.match(trace, /- service2 call_service3_from_service2 error=no response from \S+ within 500 ms/);
  assert.match(trace, /CLIENT service2 get error=no response from/);
});

test('any status of a service is reported as received', async () => {
  await using broken = await serve((_req, res) => res.writeHead(503).end('not json'));
  const env = { ...viewer.env, SERVICE2_URL: broken.url, SERVICE3_URL: broken.url };
  await using service1 = await startService('service1', env);
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
  await using moved = await serve((_req, res) => res.writeHead(302, { location: elsewhere.url }).end());
  const env = { ...notTraced, SERVICE2_URL: moved.url, SERVICE3_URL: moved.url };
  await using service1 = await startService('service1', env);
  const { body } = await get(service1.url);
  assert.deepEqual([body.response_codes, followed], [{ service2: 302, service3: 302 }, false]);
});

/** fetch can't send the absolute form of a URL. */
async function sendRaw(url: string, line: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8');
  socket.write(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return socket.reduce((text, chunk) => text + chunk, '');
}

async function json(url: string): Promise<[number, unknown]> {
  const response = await fetch(url);
  return [response.status, await response.json()];
}
