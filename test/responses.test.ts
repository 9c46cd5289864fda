import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { ZipkinSpan } from '../local/viewer/span.ts';
import { get } from './support/http.ts';
import { load } from './support/load.ts';
import { startService, startSharedDemo } from './support/services.ts';
import { until } from './support/wait.ts';

const { viewer, demo } = await startSharedDemo(() => ({ TRACE_UI_URL: 'http://ui.example/t/{traceId}?v=1' }));

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
  assert.deepEqual(await json(demo.service2.url), [200, { response_codes: { service3: 200 } }]);
  assert.deepEqual(await json(demo.service3.url), [200, { slept_ms: 1 }]);
  const failing = { baggage: 'failure_pct=100' };
  assert.deepEqual(await json(demo.service2.url, failing), [500, { error: 'Intentional 100% failure' }]);
});

test('INTENTIONAL_FAILURE_PCT is the percentage of requests that fail', async () => {
  const env = { OTEL_TRACES_EXPORTER: 'none', SERVICE3_URL: demo.service3.url, INTENTIONAL_FAILURE_PCT: '30' };
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
    const last = `/nowhere-${name}`;
    assert.deepEqual(await json(`${url}${last}?password=s3cret`), [404, { error: `not found: GET ${last}` }]);
    // Spans arrive in the order in which they ended: when the last one is there, so are all before it.
    const paths = await until('the span of the last request', async () => {
      const [, traces] = await json(`${viewer.url}/api/v2/traces?serviceName=${name}&limit=9999`);
      const servers = (traces as ZipkinSpan[][])
        .flat()
        .filter(({ kind, localEndpoint }) => kind === 'SERVER' && localEndpoint?.serviceName === name);
      const found = servers.map(({ tags }) => `${tags?.['url.path']}`);
      return found.includes(last) && found;
    });
    assert.deepEqual(
      paths.filter((path) => /health|favicon/i.test(path)),
      [],
    );
  });
}

/** fetch can't send the absolute form of a URL. */
async function sendRaw(url: string, line: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8');
  socket.write(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return socket.reduce((text, chunk) => text + chunk, '');
}

async function json(url: string, headers: Record<string, string> = {}): Promise<[number, unknown]> {
  const response = await fetch(url, { headers });
  return [response.status, await response.json()];
}
