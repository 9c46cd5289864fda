import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { COLLECTOR_BIN, otlpTo, startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { get, hex } from './support/http.ts';
import { openPorts } from './support/ports.ts';
import { run } from './support/process.ts';
import { freeUrl } from './support/servers.ts';
import { startDemo } from './support/services.ts';
import { noCollector } from './support/skip.ts';
import { draw, failedSpans, failedTrace, goodSpans, goodTrace, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const viewer = disposeAfterTests(await startViewer());

const post = (body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${viewer.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
const request = (span: object) => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'Shop' } }] },
      scopeSpans: [{ scope: { name: 'by-hand' }, spans: [span] }],
    },
  ],
});
const minimal = () => ({
  traceId: hex(32),
  spanId: hex(16),
  startTimeUnixNano: '1500000000000000123',
  endTimeUnixNano: '1500000000005000000',
});

/** An OpenTelemetry Collector that sends on what it receives, as the JSON of OTLP, with gzip. */
async function startCollector(endpoint: string) {
  const url = await freeUrl();
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: new URL(url).host } } } },
    exporters: { otlp_http: { endpoint, encoding: 'json' } },
    service: {
      pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
      telemetry: { metrics: { level: 'none' } }, // they would listen on a fixed port
    },
  };
  const collector = run(`${COLLECTOR_BIN}`, ['--config', `yaml:${JSON.stringify(config)}`], {});
  await until('the Collector to listen', async () => (await openPorts([Number(new URL(url).port)])).length > 0);
  return { url, ...collector };
}

for (const { by, skip = false, start } of [
  { by: 'OTLP', start: async () => ({ url: viewer.url, async [Symbol.asyncDispose]() {} }) },
  { by: 'the OTLP of a Collector', skip: noCollector(), start: () => startCollector(viewer.url) },
]) {
  test(`a trace is the same tree by ${by} as in Zipkin’s format`, { skip }, async () => {
    await using receiver = await start();
    await using demo = await startDemo({ env: otlpTo(receiver.url) });
    const { body: good } = await get(demo.url);
    assert.equal(draw(await traceOf(viewer, `${good.trace_id}`, goodSpans)), goodTrace);
    const { body: failed } = await get(`${demo.url}/?failure_pct=100`);
    const spans = await traceOf(viewer, `${failed.trace_id}`, failedSpans);
    assert.equal(draw(spans), failedTrace);
    const client = spans.find(({ tags }) => tags?.error === '500' && tags['url.full']);
    assert.deepEqual([client?.kind, client?.remoteEndpoint?.ipv4], ['CLIENT', '127.0.0.1']);
    const thrown = spans.find(({ tags }) => tags?.error?.startsWith('Intentional'));
    const [{ value = '' } = {}] = thrown?.annotations ?? [];
    assert.match(value, /^"exception": \{.*"exception.stacktrace":"Error: Intentional/);
  });
}

test('every kind of value becomes a tag', async () => {
  const values = {
    text: { stringValue: 'a' },
    yes: { boolValue: true },
    int: { intValue: '7' },
    double: { doubleValue: 0.5 },
    bytes: { bytesValue: 'aGVsbG8=' },
    list: { arrayValue: { values: [{ stringValue: 'a,b' }, { intValue: 7 }] } },
    map: { kvlistValue: { values: [{ key: 'retries', value: { intValue: 3 } }] } },
    empty: {},
    error: { boolValue: false },
  };
  const attributes = Object.entries(values).map(([key, value]) => ({ key, value }));
  const span = { ...minimal(), name: 'Call', kind: 3, attributes, status: { code: 1 }, parentSpanId: '' };
  assert.equal((await post(JSON.stringify(request(span)))).status, 200);
  const [stored] = await viewer.trace(span.traceId);
  const { tags, ...rest } = stored ?? {};
  assert.deepEqual(rest, {
    traceId: span.traceId,
    id: span.spanId,
    kind: 'CLIENT',
    name: 'call',
    timestamp: 1.5e15,
    duration: 5000,
    localEndpoint: { serviceName: 'shop' },
    annotations: [],
  });
  assert.deepEqual(tags, {
    text: 'a',
    yes: 'true',
    int: '7',
    double: '0.5',
    bytes: 'aGVsbG8=',
    list: '["a,b",7]',
    map: '{"retries":3}',
    empty: '',
    'service.name': 'Shop',
    'otel.scope.name': 'by-hand',
    'otel.status_code': 'OK',
  });
});

test('gzip is decoded, within the limit', async () => {
  const span = minimal();
  const gzip = { 'content-encoding': 'gzip' };
  assert.equal((await post(gzipSync(JSON.stringify(request(span))), gzip)).status, 200);
  assert.equal((await viewer.trace(span.traceId)).length, 1);
  assert.equal((await post(gzipSync(`"${'x'.repeat(11_000_000)}"`), gzip)).status, 413);
});

test('protobuf is refused with the variable to set', async () => {
  const response = await post('x', { 'content-type': 'application/x-protobuf' });
  assert.equal(response.status, 415);
  assert.match(((await response.json()) as { error: string }).error, /OTEL_EXPORTER_OTLP_PROTOCOL=http\/json/);
});

test('an invalid span is refused with the field, and nothing of its request is kept', async () => {
  const good = minimal();
  const one = (span: object) => request({ ...good, ...span });
  for (const [body, reason] of [
    ['[]', /^request/],
    ['{"resourceSpans":1}', /resourceSpans/],
    [JSON.stringify(one({ traceId: 7 })), /traceId/],
    [JSON.stringify(one({ traceId: 'xyz' })), /traceId/],
    [JSON.stringify(one({ spanId: undefined })), /spanId/],
    [JSON.stringify(one({ kind: 9 })), /kind/],
    [JSON.stringify(one({ startTimeUnixNano: 'now' })), /startTimeUnixNano/],
    [JSON.stringify(one({ attributes: [{ value: {} }] })), /attributes\.0\.key/],
    [JSON.stringify(one({ attributes: [{ key: 'a', value: { arrayValue: { values: 'x' } } }] })), /arrayValue\.values/],
    [JSON.stringify(one({ attributes: [{ key: 'a', value: { arrayValue: { values: [null] } } }] })), /values\.0/],
    [JSON.stringify(one({ attributes: [{ key: 'a', value: { kvlistValue: { values: [7] } } }] })), /values\.0/],
    ['{"resourceSpans"', /JSON/],
  ] as const) {
    const response = await post(body);
    assert.equal(response.status, 400, body);
    assert.match(((await response.json()) as { error: string }).error, reason);
  }
  assert.deepEqual(await viewer.trace(good.traceId), []);
});

test('a value of any depth breaks nothing', async () => {
  const span = minimal();
  const depth = 100_000;
  const deep = `${'{"arrayValue":{"values":['.repeat(depth)}${']}}'.repeat(depth)}`;
  const body = JSON.stringify(request({ ...span, attributes: [{ key: 'deep', value: 'DEEP' }] })).replace(
    '"DEEP"',
    deep,
  );
  assert.equal((await post(body)).status, 200);
  assert.match(`${(await viewer.trace(span.traceId))[0]?.tags?.deep}`, /^\[+"…"\]+$/);
});
