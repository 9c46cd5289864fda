import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Client, credentials, ServerCredentials, status } from '@grpc/grpc-js';
import protobufjs from 'protobufjs';
import { createGrpcServer } from '../local/viewer/otlp-grpc.ts';
import { createSpanStore } from '../local/viewer/span-store.ts';
import { COLLECTOR_BIN, otlpTo, startViewer } from './support/backends.ts';
import { createCollector } from './support/collector.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { get, hex } from './support/http.ts';
import { openPorts } from './support/ports.ts';
import { run } from './support/process.ts';
import { freeUrl } from './support/servers.ts';
import { startDemo } from './support/services.ts';
import { noCollector } from './support/skip.ts';
import { draw, failedSpans, failedTrace, goodSpans, goodTrace, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const store = createSpanStore();
const viewer = disposeAfterTests(await startViewer(store));
const grpc = createGrpcServer(store.add);
const grpcPort = await promisify(grpc.bindAsync.bind(grpc))('127.0.0.1:0', ServerCredentials.createInsecure());
const grpcUrl = `http://127.0.0.1:${grpcPort}`;
after(() => grpc.forceShutdown());

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
      scopeSpans: [{ scope: { name: 'by-hand', version: '1.2.3' }, spans: [span] }],
    },
  ],
});
const minimal = () => ({
  traceId: hex(32),
  spanId: hex(16),
  startTimeUnixNano: '1500000000000000123',
  endTimeUnixNano: '1500000000005000000',
});

const otlp = protobufjs.loadSync('local/viewer/otlp.proto').lookupType('ExportTraceServiceRequest');
/** The same request as protobuf. */
function encode({
  traceId,
  spanId,
  ...span
}: ReturnType<typeof minimal> & Record<string, unknown>): Buffer<ArrayBuffer> {
  const ids = { traceId: Buffer.from(traceId, 'hex'), spanId: Buffer.from(spanId, 'hex') };
  return Buffer.from(otlp.encode(otlp.fromObject(request({ ...ids, ...span }))).finish());
}

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

const startDirectDemo = () =>
  startDemo(
    { env: {} },
    {},
    {
      service1: otlpTo(viewer.url, 'http/json'),
      service2: otlpTo(viewer.url, 'http/protobuf'),
      service3: otlpTo(grpcUrl, 'grpc'),
    },
  );

async function startDemoWithCollector() {
  const collector = await startCollector(viewer.url);
  const demo = await startDemo({ env: otlpTo(collector.url, 'http/json') });
  return {
    ...demo,
    async [Symbol.asyncDispose]() {
      await demo[Symbol.asyncDispose]();
      await collector[Symbol.asyncDispose]();
    },
  };
}

for (const { by, skip = false, start } of [
  { by: 'http/json, http/protobuf and grpc at once', start: startDirectDemo },
  { by: 'a Collector', skip: noCollector(), start: startDemoWithCollector },
]) {
  test(`a trace is the same tree as OTLP, by ${by}, as in Zipkin’s format`, { skip }, async () => {
    await using demo = await start();
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

test('through docker/collector.yaml, Zipkin gets the name of a callee, and no address for a name', {
  skip: noCollector(),
}, async () => {
  await using inJaeger = await startViewer();
  using collector = await createCollector({ zipkin: viewer.url, jaeger: inJaeger.url });
  await using _running = await collector.start();
  const span = { ...minimal(), kind: 3, endTimeUnixNano: '1500000000005000000' };
  const addresses = { service2: 'service2', '127.0.0.1': undefined, '::1': undefined };
  for (const address of Object.keys(addresses)) {
    const attributes = [{ key: 'server.address', value: { stringValue: address } }];
    const body = JSON.stringify(request({ ...span, spanId: hex(16), attributes }));
    const headers = { 'content-type': 'application/json' };
    const url = `${collector.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`;
    assert.equal((await fetch(url, { method: 'POST', headers, body })).status, 200);
  }
  const spans = await traceOf(viewer, span.traceId, 3);
  const names = spans.map(({ tags, remoteEndpoint }) => [tags?.['server.address'], remoteEndpoint?.serviceName]);
  assert.deepEqual(Object.fromEntries(names), addresses);
});

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
    'otel.scope.version': '1.2.3',
    'otel.status_code': 'OK',
  });
});

test('what is absent or null is the default, as in proto3; an unknown kind is none', async () => {
  const nulls = [
    'parentSpanId',
    'name',
    'kind',
    'startTimeUnixNano',
    'endTimeUnixNano',
    'attributes',
    'events',
    'status',
  ];
  const ids = () => ({ traceId: hex(32), spanId: hex(16) });
  const spanWith = (value: unknown) => ({ ...ids(), attributes: [{ key: 'a', value }] });
  const bodyOf = (span: object) => ({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const bodies = [
    ...nulls.map((name) => bodyOf({ ...ids(), [name]: null })),
    bodyOf(ids()),
    bodyOf({ ...ids(), kind: 6, status: { code: null, message: null } }),
    bodyOf({ ...ids(), events: [{ name: 'no time' }, null], attributes: [null, { key: 'b' }, {}] }),
    ...[null, {}, { stringValue: null }, { arrayValue: null }, { arrayValue: { values: null } }].map((value) =>
      bodyOf(spanWith(value)),
    ),
    bodyOf(spanWith({ kvlistValue: { values: [null] } })),
    { resourceSpans: [{ resource: null, scopeSpans: [{ scope: null, spans: [ids()] }] }] },
    { resourceSpans: [{ resource: { attributes: null }, scopeSpans: [{ scope: { name: null }, spans: [ids()] }] }] },
  ];
  for (const body of bodies) {
    assert.equal((await post(JSON.stringify(body))).status, 200, JSON.stringify(body));
    const [{ scopeSpans: [{ spans: [span] = [] } = {}] = [] } = {}] = body.resourceSpans;
    const [{ kind, timestamp, duration, tags } = {}, ...others] = await viewer.trace(
      (span as { traceId: string }).traceId,
    );
    assert.deepEqual({ kind, timestamp, duration, others }, { ...noTimes, others: [] });
    assert.equal(tags?.['otel.scope.name'], undefined);
  }
  for (const body of ['{}', '{"resourceSpans":null}', '{"resourceSpans":[null,{"scopeSpans":[null,{"spans":null}]}]}'])
    assert.equal((await post(body)).status, 200, body);
});
const noTimes = { kind: undefined, timestamp: undefined, duration: undefined };

test('an integer keeps all its digits', async () => {
  const span = minimal();
  const [odd, long] = ['9007199254740993', '1234567890123456789'];
  const values = `"attributes": [
    {"key": "text", "value": {"intValue": "${odd}"}}, {"key": "number", "value": {"intValue": -${odd}}},
    {"key": "list", "value": {"arrayValue": {"values": [{"intValue": ${long}}, {"intValue": 7}]}}}]`;
  const otlp = `{${JSON.stringify(span).slice(1, -1)}, ${values}, "events": [{"name": "e", ${values}}]}`;
  const body = JSON.stringify(request({})).replace('[{}]', `[${otlp}]`);
  assert.equal((await post(body)).status, 200);
  const [{ tags = {}, annotations = [] } = {}] = await viewer.trace(span.traceId);
  assert.deepEqual([tags.text, tags.number, tags.list], [odd, `-${odd}`, `["${long}",7]`]);
  assert.equal(annotations[0]?.value, `"e": {"text":"${odd}","number":"-${odd}","list":["${long}",7]}`);

  const [traceId, id] = [hex(32), hex(16)];
  const zipkin = `[{"traceId":"${traceId}","id":"${id}","tags":{"long":${long},"text":"a ${long}"}}]`;
  await fetch(`${viewer.url}/api/v2/spans`, { method: 'POST', body: zipkin });
  assert.deepEqual((await viewer.trace(traceId))[0]?.tags, { long, text: `a ${long}` });
});

const protobuf = { 'content-type': 'application/x-protobuf' };

test('every value arrives by protobuf, too', async () => {
  const span = {
    ...minimal(),
    attributes: [
      { key: 'int', value: { intValue: '-9007199254740993' } },
      { key: 'bytes', value: { bytesValue: Buffer.from('hello') } },
      { key: 'empty', value: { stringValue: '' } },
      { key: 'no', value: { boolValue: false } },
      { key: 'none' },
      { key: 'map', value: { kvlistValue: { values: [{ key: 'half', value: { doubleValue: 0.5 } }] } } },
    ],
  };
  const response = await post(encode(span), protobuf);
  assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'application/x-protobuf']);
  assert.equal((await response.bytes()).length, 0);
  const [{ tags, timestamp, duration, localEndpoint } = {}] = await viewer.trace(span.traceId);
  assert.deepEqual([timestamp, duration, localEndpoint?.serviceName], [1.5e15, 5000, 'shop']);
  assert.deepEqual(tags, {
    int: '-9007199254740993',
    bytes: 'aGVsbG8=',
    empty: '',
    no: 'false',
    none: '',
    map: '{"half":0.5}',
    'service.name': 'Shop',
    'otel.scope.name': 'by-hand',
    'otel.scope.version': '1.2.3',
  });
});

test('gzip is decoded; a batch of 512 spans of 33 KB is taken, and no more than 20 MB, compressed or not', async () => {
  const gzip = { 'content-encoding': 'gzip' };
  const batch = (kilobytes: number) => {
    const spans = Array.from({ length: 512 }, () => ({
      ...minimal(),
      attributes: [{ key: 'long', value: { stringValue: 'x'.repeat(kilobytes * 1000) } }],
    }));
    return { first: `${spans[0]?.traceId}`, json: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }) };
  };
  const whole = batch(33);
  assert.equal((await post(gzipSync(whole.json), gzip)).status, 200);
  assert.equal((await viewer.trace(whole.first)).length, 1);
  assert.equal((await post(batch(33).json)).status, 200);
  assert.equal((await post(gzipSync(batch(45).json), gzip)).status, 413);
  assert.equal((await post(batch(45).json)).status, 413);
});

test('a large process with thousands of spans: its tags are cut, not copied as they are', async () => {
  const spans = Array.from({ length: 3000 }, minimal);
  const attributes = Array.from({ length: 500 }, (_, i) => ({
    key: `a${i}`,
    value: { stringValue: 'x'.repeat(3000) },
  }));
  const resource = { attributes: [...attributes, { key: 'service.name', value: { stringValue: 'shop' } }] };
  assert.equal((await post(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }))).status, 200);
  const [span] = await viewer.trace(`${spans.at(-1)?.traceId}`);
  assert.equal(span?.localEndpoint?.serviceName, 'shop');
  assert.match(`${span?.tags?.a0}`, /^x{1024} … \(cut\)$/);
  assert.ok(JSON.stringify(span).length < 20_000);
});

test('metrics and logs are accepted, and dropped', async () => {
  for (const path of ['/v1/metrics', '/v1/logs'])
    for (const type of ['application/x-protobuf', 'application/json']) {
      const headers = { 'content-type': type };
      const response = await fetch(viewer.url + path, { method: 'POST', headers, body: 'x'.repeat(100_000) });
      assert.deepEqual([response.status, response.headers.get('content-type')?.split(';')[0]], [200, type]);
    }
});

test('another content type is refused with those that are valid', async () => {
  const response = await post('x', { 'content-type': 'text/plain' });
  assert.equal(response.status, 415);
  const { error } = (await response.json()) as { error: string };
  assert.equal(error, 'content-type text/plain: must be application/x-protobuf or application/json');
});

test('an invalid span is refused with the field, and nothing of its request is kept', async () => {
  const good = minimal();
  const one = (span: object) => JSON.stringify(request({ ...good, ...span }));
  for (const [body, reason, headers] of [
    ['[]', /^request: must be an object/],
    ['{"resourceSpans":1}', /resourceSpans/],
    [one({ traceId: 7 }), /traceId/],
    [one({ traceId: 'x'.repeat(32) }), /spans\.0\.traceId: must be 32 hex digits/],
    [one({ traceId: '0'.repeat(32) }), /traceId: must be 1 to 32/],
    [one({ parentSpanId: 'abc' }), /parentSpanId: must be 16 hex digits/],
    [one({ spanId: undefined }), /spanId: must be 16 hex digits/],
    [one({ spanId: '0'.repeat(16) }), /\.id: must be 1 to 16/],
    [one({ kind: 'SERVER' }), /kind/],
    [one({ startTimeUnixNano: 'now' }), /startTimeUnixNano/],
    [one({ attributes: [{ key: 1 }] }), /attributes\.0\.key/],
    [one({ attributes: {} }), /attributes/],
    [one({ attributes: [{ key: 'a', value: { arrayValue: { values: 'x' } } }] }), /arrayValue\.values/],
    [one({ attributes: [{ key: 'a', value: { kvlistValue: { values: [7] } } }] }), /values\.0/],
    ['{"resourceSpans"', /JSON/],
    [encode({ ...good, traceId: 'abcd' }), /traceId: must be 32 hex digits/, protobuf],
    [encode({ ...good, spanId: '' }), /spanId: must be 16/, protobuf],
    [encode(good).subarray(0, -1), /index out of range/, protobuf],
    ['\xff', /./, protobuf],
  ] as [string, RegExp, Record<string, string>?][]) {
    const response = await post(body, headers);
    assert.equal(response.status, 400, `${reason}`);
    assert.match(((await response.json()) as { error: string }).error, reason);
  }
  assert.deepEqual(await viewer.trace(good.traceId), []);
});

suite('by gRPC', () => {
  /** Sends a message, and returns the status of the response. */
  const send = (service: string, message: Buffer) =>
    new Promise<[number, string]>((resolve) => {
      const client = new Client(new URL(grpcUrl).host, credentials.createInsecure());
      const path = `/opentelemetry.proto.collector.${service}/Export`;
      client.makeUnaryRequest(path, identity, identity, message, (error) => {
        client.close();
        resolve([error?.code ?? status.OK, error?.details ?? '']);
      });
    });
  const identity = (bytes: Buffer) => bytes;
  const traces = 'trace.v1.TraceService';

  test('an invalid span is refused with the field; metrics and logs are accepted, and dropped', async () => {
    const good = minimal();
    const [code, details] = await send(traces, encode({ ...good, spanId: '' }));
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /spanId: must be 16 hex digits/);
    assert.deepEqual(await viewer.trace(good.traceId), []);
    for (const other of ['metrics.v1.MetricsService', 'logs.v1.LogsService'])
      assert.deepEqual(await send(other, Buffer.from('anything')), [status.OK, '']);
    assert.deepEqual(await send(traces, encode(good)), [status.OK, '']);
    assert.equal((await viewer.trace(good.traceId)).length, 1);
  });

  test('a message has 4 MB at most, as with every gRPC server', async () => {
    const long = { key: 'long', value: { stringValue: 'x'.repeat(2 ** 22) } };
    const [code] = await send(traces, encode({ ...minimal(), attributes: [long] }));
    assert.equal(code, status.RESOURCE_EXHAUSTED);
  });
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
