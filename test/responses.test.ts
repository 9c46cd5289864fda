import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { get } from './support/http.ts';
import { closedUrl, serve } from './support/servers.ts';
import { startDemo, startService } from './support/services.ts';
import { draw, traceOf } from './support/trace.ts';

const quiet = { OTEL_TRACES_EXPORTER: 'none' };

test('a good request is answered with the response codes and a link to its trace', async () => {
  await using viewer = await startViewer();
  await using demo = await startDemo(viewer, { TRACE_UI_URL: 'http://ui.example/t/{traceId}?v=1' });
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

test('without telemetry.ts the answer is the same, without the link', async () => {
  await using service3 = await startService('service3', {}, { telemetry: false });
  await using service2 = await startService(
    'service2',
    { SERVICE3_URL: service3.url, INTENTIONAL_FAILURE_PCT: '100' },
    { telemetry: false },
  );
  const urls = { SERVICE2_URL: service2.url, SERVICE3_URL: service3.url, INTENTIONAL_FAILURE_PCT: '100' };
  await using service1 = await startService('service1', urls, { telemetry: false });
  const { status, body } = await get(service1.url);
  assert.equal(status, 200);
  assert.deepEqual(body, { failure_chance_pct: 100, response_codes: { service2: 500, service3: 200 } });
});

test('service2 and service3 answer for themselves; the failure says what it is, without a stack', async () => {
  await using demo = await startDemo({ env: quiet });
  await using failing = await startService('service2', { ...quiet, INTENTIONAL_FAILURE_PCT: '100' });
  assert.deepEqual(await json(demo.service2.url), [200, { response_codes: { service3: 200 } }]);
  assert.deepEqual(await json(demo.service3.url), [200, { slept_ms: 1 }]);
  assert.deepEqual(await json(failing.url), [500, { error: 'Intentional 100% failure' }]);
});

test('INTENTIONAL_FAILURE_PCT is the share of requests that fail', async () => {
  await using demo = await startDemo({ env: quiet }, { INTENTIONAL_FAILURE_PCT: '30' });
  const answers = await Promise.all(Array.from({ length: 500 }, () => fetch(demo.service2.url)));
  const failed = answers.filter((answer) => answer.status === 500).length;
  assert.ok(failed > 98 && failed < 202, `${failed} of 500`); // 150, five standard deviations either way
});

suite('every service', () => {
  for (const name of ['service1', 'service2', 'service3'] as const) {
    test(`${name} answers /health, which is never traced, and 404 elsewhere, as JSON`, async () => {
      await using viewer = await startViewer();
      await using service = await startService(name, viewer.env);
      assert.deepEqual(await json(`${service.url}/health?x=1`), [200, { status: 'UP' }]);
      assert.equal((await json(`${service.url}/favicon.ico`))[0], 404);
      const [status, body] = await json(`${service.url}/nowhere?password=s3cret`);
      assert.equal(status, 404);
      assert.deepEqual(body, { error: 'not found: GET /nowhere' });
      service.signal('SIGTERM'); // all of its spans are sent by then
      await service.exit;
      const traces = await json(`${viewer.url}/api/v2/traces`);
      assert.deepEqual(
        (traces[1] as { tags: Record<string, string> }[][]).map((trace) => trace.map((span) => span.tags['url.path'])),
        [['/nowhere']],
      );
    });
  }
});

test('a service that can’t be reached: the other call is made, the answer is a 502, the trace says why', async () => {
  await using viewer = await startViewer();
  const nobody = await closedUrl();
  await using service3 = await startService('service3', { ...viewer.env, SERVICE3_SLEEP_MS: '1' });
  await using service1 = await startService('service1', {
    ...viewer.env,
    SERVICE2_URL: nobody,
    SERVICE3_URL: service3.url,
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

test('a name with two addresses, which both refuse (as localhost often has): the spans say so, too', async () => {
  await using viewer = await startViewer();
  const { port } = new URL(await closedUrl());
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

test('a service that is too slow: 504 in errors, for service1 and, sooner, for service2', async () => {
  await using viewer = await startViewer();
  await using hung = await serve(() => {});
  const env = { ...viewer.env, SERVICE3_URL: hung.url, DOWNSTREAM_TIMEOUT_MS: '1000' };
  await using service2 = await startService('service2', { ...env, INTENTIONAL_FAILURE_PCT: '0' });
  await using service1 = await startService('service1', { ...env, SERVICE2_URL: service2.url });
  const { status, body } = await get(service1.url);
  assert.equal(status, 502);
  assert.deepEqual(body.response_codes, { service2: 502, service3: null });
  assert.deepEqual(body.errors, { service3: { status: 504, message: 'no response from service3 in time' } });
  const trace = draw(await traceOf(viewer, `${body.trace_id}`, 8));
  assert.match(trace, /- service2 call_service3_from_service2 error=no response from \S+ within 500 ms/);
  assert.match(trace, /CLIENT service2 get error=no response from/);
});

test('a status of a service, whatever it is, is reported as it is', async () => {
  await using viewer = await startViewer();
  await using broken = await serve((_req, res) => res.writeHead(503).end('not json'));
  const env = { ...viewer.env, SERVICE2_URL: broken.url, SERVICE3_URL: broken.url };
  await using service1 = await startService('service1', env);
  const { status, body } = await get(service1.url);
  assert.equal(status, 200);
  assert.deepEqual(body.response_codes, { service2: 503, service3: 503 });
  assert.match(draw(await traceOf(viewer, `${body.trace_id}`, 5)), /CLIENT service1 get error=503/);
});

async function json(url: string): Promise<[number, unknown]> {
  const response = await fetch(url);
  return [response.status, await response.json()];
}
