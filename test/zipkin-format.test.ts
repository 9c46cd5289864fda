import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Attributes, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { RetryingZipkinExporter } from '../src/telemetry/upstream/exporter-zipkin/retrying-zipkin-exporter.ts';
import { ZIPKIN_URL } from './support/backends.ts';
import { hex } from './support/http.ts';
import { startRecorder } from './support/recorder.ts';
import { noZipkin } from './support/skip.ts';

/** Exports the spans that `create` makes, in one batch, and returns them as they were sent. */
async function exported(create: (tracer: Tracer) => void, process: Attributes = {}) {
  await using recorder = await startRecorder();
  const exporter = new RetryingZipkinExporter(recorder.env.OTEL_EXPORTER_ZIPKIN_ENDPOINT ?? '', 60_000);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', ...process }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  create(provider.getTracer('test', '1.2.3'));
  await provider.shutdown();
  return recorder.spans;
}

/** Calls the API as JavaScript may, with values that its types exclude. */
const unchecked = <T>(value: unknown) => value as T;
const circular: Record<string, unknown> = {};
circular.self = circular;
const at = (milliseconds: number) => unchecked<Date>({ __proto__: Date.prototype, getTime: () => milliseconds });

const odd: Record<string, (tracer: Tracer) => void> = {
  'a start by performance.now()': (t) => t.startSpan('odd', { startTime: performance.now() }).end(),
  'an end by performance.now()': (t) => t.startSpan('odd').end(performance.now()),
  'times with fractions of a nanosecond': (t) => t.startSpan('odd', { startTime: [1e9, 0.5] }).end([1e9 + 1, 0.7]),
  'a start before 1970': (t) => t.startSpan('odd', { startTime: new Date(-1.5) }).end(),
  'an end before the start': (t) => t.startSpan('odd').end([0, 0.1]),
  'invalid dates': (t) => t.startSpan('odd', { startTime: new Date('?') }).end(new Date('?')),
  'infinite times': (t) => t.startSpan('odd', { startTime: at(Infinity) }).end([Infinity, 0]),
  'nanoseconds for milliseconds': (t) => t.startSpan('odd', { startTime: at(1.7e18) }).end(),
  'an event without a name': (t) => t.startSpan('odd').addEvent(unchecked(undefined)).end(),
  'an event with an object for a name': (t) =>
    t
      .startSpan('odd')
      .addEvent(unchecked({ a: 1 }))
      .end(),
  'an event at a fraction of a microsecond': (t) => t.startSpan('odd').addEvent('e', [1e9, 0.5]).end(),
  'an event at no time': (t) => t.startSpan('odd').addEvent('e', new Date('?')).end(),
  'no name': (t) => t.startSpan(unchecked(undefined)).end(),
  'a symbol for a name': (t) => t.startSpan(unchecked(Symbol('odd'))).end(),
  'a circular object for a name': (t) => t.startSpan(unchecked(circular)).end(),
  'a null attribute': (t) => t.startSpan('odd').setAttribute('a', unchecked(null)).end(),
  'an attribute that has no toString': (t) => t.startSpan('odd', { attributes: { a: { toString: 'x' } } }).end(),
  'an attribute without a prototype': (t) => t.startSpan('odd').setAttribute('a', Object.create(null)).end(),
  'half a character': (t) => t.startSpan('\ud800', { attributes: { a: '\udfff' } }).end(),
  'a port out of range': (t) => {
    const attributes = { 'server.address': '10.0.0.1', 'server.port': 70_000 };
    t.startSpan('odd', { kind: SpanKind.CLIENT, attributes }).end();
  },
  'a parent with IDs in upper case': (t) => {
    const parent = { traceId: hex(31).toUpperCase().padStart(32, 'A'), spanId: 'ABCDEF0123456789', traceFlags: 1 };
    t.startSpan('odd', {}, trace.setSpanContext(ROOT_CONTEXT, parent)).end();
  },
};

const isTime = (time?: number) => time === undefined || (Number.isSafeInteger(time) && time >= 0);
for (const [what, create] of Object.entries(odd)) {
  test(`${what}: the span is sent as valid Zipkin JSON`, async () => {
    const [span, ...others] = await exported(create);
    assert.ok(span && others.length === 0);
    assert.match(span.traceId, /^[0-9a-f]{32}$/);
    assert.match(`${span.id} ${span.parentId ?? span.id}`, /^[0-9a-f]{16} [0-9a-f]{16}$/);
    const { timestamp, duration, annotations = [], tags = {} } = span;
    assert.ok((span.remoteEndpoint?.port ?? 1) < 65_536);
    for (const time of [timestamp, duration, ...annotations.map((event) => event.timestamp)])
      assert.ok(isTime(time), `${time}`);
    for (const text of [span.name, ...annotations.map(({ value }) => value), ...Object.values(tags)])
      assert.equal(typeof text, 'string', JSON.stringify(span));
  });
}

test('real Zipkin takes all of these in one batch', { skip: noZipkin() }, async () => {
  const spans = await exported((tracer) => {
    for (const create of Object.values(odd)) create(tracer);
  });
  assert.equal(spans.length, Object.keys(odd).length);
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${ZIPKIN_URL}/api/v2/spans`, { method: 'POST', headers, body: JSON.stringify(spans) });
  assert.equal(response.status, 202, await response.text());
});

suite('tags', () => {
  const tagsOf = async (...how: Parameters<typeof exported>) => (await exported(...how))[0]?.tags ?? {};

  test('lists and objects are JSON, bytes are base64', async () => {
    const bytes = Buffer.from('hello');
    const { list, numbers, map, payload, nested } = await tagsOf((tracer) => {
      const attributes = {
        list: ['a,b', 'c'],
        numbers: [1, Number.NaN],
        map: { retries: 3, deep: { by: null } },
        payload: new Uint8Array(bytes),
        nested: { payload: bytes },
      };
      tracer.startSpan('call', { attributes }).end();
    });
    assert.deepEqual(
      { list, numbers, map, payload, nested },
      {
        list: '["a,b","c"]',
        numbers: '[1,"NaN"]',
        map: '{"retries":3,"deep":{"by":null}}',
        payload: 'aGVsbG8=',
        nested: '{"payload":"aGVsbG8="}',
      },
    );
  });

  test('lists among the attributes of the process are JSON, too', async () => {
    const tags = await tagsOf((tracer) => tracer.startSpan('call').end(), { 'process.command_args': ['node', 'a,b'] });
    assert.equal(tags['process.command_args'], '["node","a,b"]');
  });

  for (const [what, attributes] of [
    ['a plain span', {}],
    ['a span with a list', { list: [1] }],
  ] as const)
    test(`${what} has the name and version of its scope`, async () => {
      const tags = await tagsOf((tracer) => tracer.startSpan('call', { attributes }).end());
      assert.deepEqual([tags['otel.scope.name'], tags['otel.scope.version']], ['test', '1.2.3']);
    });

  for (const error of [false, 'false'])
    test(`error: ${JSON.stringify(error)} is omitted: it would turn the span red`, async () => {
      const tags = await tagsOf((tracer) => tracer.startSpan('call').setAttribute('error', error).end());
      assert.equal(tags.error, undefined);
    });

  for (const [errorType, expected] of [
    ['503', '503'],
    ['', 'true'],
    [undefined, 'true'],
  ] as const)
    test(`a failed span without a message, its error.type is ${JSON.stringify(errorType)}: the error tag is ${expected}`, async () => {
      const tags = await tagsOf((tracer) => {
        const span = tracer.startSpan('call', { attributes: { 'error.type': errorType, error: false } });
        span.setStatus({ code: SpanStatusCode.ERROR }).end();
      });
      assert.equal(tags.error, expected);
    });
});

suite('remoteEndpoint', () => {
  for (const [what, kind, attributes, expected] of [
    ['a name', SpanKind.CLIENT, { 'server.address': 'service2', 'server.port': 5002 }, { serviceName: 'service2' }],
    [
      'an IPv4 address',
      SpanKind.CLIENT,
      { 'server.address': '10.0.0.1', 'server.port': 80 },
      { ipv4: '10.0.0.1', port: 80 },
    ],
    ['an IPv6 address', SpanKind.CLIENT, { 'server.address': '[::1]', 'server.port': 80 }, { ipv6: '::1', port: 80 }],
    ['an address without a port', SpanKind.CLIENT, { 'server.address': '::1' }, { ipv6: '::1' }],
    ['peer.service', SpanKind.CLIENT, { 'peer.service': 'db', 'server.address': '10.0.0.1' }, { serviceName: 'db' }],
    [
      'the address of the connection',
      SpanKind.CLIENT,
      { 'network.peer.address': '10.0.0.1', 'network.peer.port': 6379 },
      { ipv4: '10.0.0.1', port: 6379 },
    ],
    ['a broker', SpanKind.PRODUCER, { 'server.address': 'kafka' }, { serviceName: 'kafka' }],
    ['nothing known', SpanKind.CLIENT, {}, undefined],
    ['not a call', SpanKind.SERVER, { 'server.address': 'service2' }, undefined],
  ] as const)
    test(`${what}: ${JSON.stringify(expected)}`, async () => {
      const [span] = await exported((tracer) => tracer.startSpan('call', { kind, attributes }).end());
      assert.deepEqual(span?.remoteEndpoint, expected);
    });
});
