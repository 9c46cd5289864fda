import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { suite, test } from 'node:test';
import { defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT } from '@opentelemetry/api';
import { createPropagator } from '../src/telemetry/create-propagator.ts';
import { type Backend, startViewer, ZIPKIN_URL, zipkinAt } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { b3, get, hex } from './support/http.ts';
import { serve } from './support/servers.ts';
import { startService } from './support/services.ts';
import { noZipkin } from './support/skip.ts';
import { draw, traceOf } from './support/trace.ts';

const viewer = disposeAfterTests(await startViewer());

const passedOn: IncomingHttpHeaders[] = [];
const downstream = disposeAfterTests(
  await serve((req, res) => {
    passedOn.push(req.headers);
    res.end();
  }),
);
const urls = { SERVICE2_URL: downstream.url, SERVICE3_URL: downstream.url };
/** A service1 whose spans of two requests leave in one batch. */
const startService1 = (backend: Backend, env: Record<string, string> = {}) =>
  startService('service1', { ...backend.env, ...urls, OTEL_BSP_SCHEDULE_DELAY: '2000', ...env });
const service1 = disposeAfterTests(await startService1(viewer));

const service1Trace = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get
  - service1 call_service3_from_service1
    CLIENT service1 get`.trim();

suite('a caller’s B3 headers', { concurrency: true }, () => {
  /** The parent of the SERVER span. */
  async function parentIn(traceId: unknown) {
    const spans = await traceOf(viewer, `${traceId}`, 5);
    assert.equal(draw(spans), service1Trace);
    return spans.find(({ kind }) => kind === 'SERVER')?.parentId;
  }

  for (const [form, headersOf] of [
    ['X-B3-* headers', b3],
    ['single b3 header', (t: string, s: string) => ({ b3: `${t}-${s}-1` })],
  ] as const) {
    for (const digits of [32, 16]) {
      test(`a trace is continued: ${form}, id of ${digits} digits`, async () => {
        const [traceId, spanId] = [hex(digits), hex(16)];
        const { body } = await get(service1.url, headersOf(traceId, spanId));
        assert.equal(body.trace_id, traceId.padStart(32, '0'));
        assert.equal(await parentIn(traceId), spanId);
      });
    }
  }

  test('X-B3-Sampled: 0 with ids leaves no span and no trace_url', async () => {
    const traceId = hex(32);
    const { status, body } = await get(service1.url, b3(traceId, hex(16), '0'));
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['failure_chance_pct', 'response_codes']);
    // a request made after it has arrived in full: what came before it would be here by now
    const { body: later } = await get(service1.url);
    await traceOf(viewer, `${later.trace_id}`, 5);
    assert.deepEqual(await viewer.trace(traceId), []);
  });

  for (const [what, headers] of Object.entries<Record<string, string>>({
    'ids that are no hex': b3('zzzz', '!'),
    'ids of zeros': b3('0'.repeat(32), '0'.repeat(16)),
    'an id of 4,000 digits': b3('a'.repeat(4000)),
    'empty headers': b3('', '', ''),
    'a sampling decision that is none': b3(hex(32), hex(16), 'perhaps'),
    'a garbage b3 header': { b3: '%%%-1' },
  })) {
    test(`if they are malformed, a new trace starts: ${what}`, async () => {
      const { status, body } = await get(service1.url, headers);
      assert.equal(status, 200);
      assert.match(`${body.trace_id}`, /^[0-9a-f]{32}$/);
      assert.notEqual(body.trace_id, headers['X-B3-TraceId']);
      assert.equal(await parentIn(body.trace_id), undefined);
    });
  }
});

const [traceId, spanId, other] = ['1'.repeat(31), '2'.repeat(15), '3'.repeat(31)].map((id, i) => id + 'abc'[i]) as [
  string,
  string,
  string,
];
const ids = { 'X-B3-TraceId': traceId, 'X-B3-SpanId': spanId };
for (const [what, headers, expected] of [
  ['X-B3-Flags: 1 (debug)', { ...ids, 'X-B3-Flags': '1' }, traceId],
  ['X-B3-Sampled: true', b3(traceId, spanId, 'true'), traceId],
  ['X-B3-Sampled: d', b3(traceId, spanId, 'd'), 'new'],
  ['b3 with d (debug)', { b3: `${traceId}-${spanId}-d` }, traceId],
  ['b3 with a parent', { b3: `${traceId}-${spanId}-1-${'4'.repeat(16)}` }, traceId],
  ['b3: 0, without ids', { b3: '0' }, 'unsampled'],
  ['X-B3-Sampled: 0, without ids', { 'X-B3-Sampled': '0' }, 'unsampled'],
  ['b3: 1, without ids', { b3: '1' }, 'new'],
  ['ids without a decision', ids, 'unsampled'],
  ['duplicates', b3(`${traceId}, ${other}`, spanId), 'new'],
  ['both forms, which disagree: the single header wins', { ...b3(traceId, spanId), b3: `${other}-${spanId}-1` }, other],
  [
    'both forms, of which the single header is invalid',
    { ...b3(traceId, spanId), b3: `zzz${other}-${spanId}-1` },
    traceId,
  ],
  [
    'a traceparent beside them, which nobody asked for',
    { ...b3(traceId, spanId), traceparent: `00-${other}-${spanId}-01` },
    traceId,
  ],
  [
    '8 KB of baggage',
    { ...b3(traceId, spanId), baggage: Array.from({ length: 100 }, (_, i) => `k${i}=${'v'.repeat(75)}`).join() },
    traceId,
  ],
] as [string, Record<string, string>, string][]) {
  test(`B3 as it comes: ${what}`, async () => {
    passedOn.length = 0;
    const { status, body } = await get(service1.url, headers);
    assert.equal(passedOn.length, 2);
    assert.equal(status, 200);
    if (expected === 'unsampled') {
      assert.equal(body.trace_id, undefined);
      for (const passed of passedOn) assert.equal(passed['x-b3-sampled'], '0');
    } else if (expected === 'new')
      assert.ok(/^[0-9a-f]{32}$/.test(`${body.trace_id}`) && ![traceId, other].includes(`${body.trace_id}`));
    else assert.equal(body.trace_id, expected);
    for (const passed of passedOn) {
      assert.match(`${passed['x-b3-traceid']}`, /^[0-9a-f]{32}$/);
      assert.match(`${passed['x-b3-spanid']}`, /^[0-9a-f]{16}$/);
      assert.ok(JSON.stringify(passed).length < 10_000, 'no unbounded header is passed on');
    }
  });
}

for (const names of [['b3multi'], ['b3'], ['b3', 'b3multi'], ['b3multi', 'b3']] as const) {
  for (const [what, headers] of [
    ['b3 with d', { b3: `${traceId}-${spanId}-d` }],
    ['X-B3-Flags: 1', { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-flags': '1' }],
  ] as const) {
    test(`the debug flag of ${what} is passed on in each form that OTEL_PROPAGATORS=${names} names`, () => {
      const propagator = createPropagator([...names]);
      const context = propagator?.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
      const passed: Record<string, string> = {};
      propagator?.inject(context ?? ROOT_CONTEXT, passed, defaultTextMapSetter);
      const single = { b3: `${traceId}-${spanId}-d` };
      const multi = { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-flags': '1' };
      const forms = names as readonly string[];
      assert.deepEqual(passed, { ...(forms.includes('b3') && single), ...(forms.includes('b3multi') && multi) });
    });
  }
}

for (const names of [
  ['b3multi', 'tracecontext'],
  ['b3', 'b3multi', 'tracecontext'],
] as const)
  test(`the debug flag of one trace does not go out with the ids of another, with OTEL_PROPAGATORS=${names}`, () => {
    const propagator = createPropagator([...names]);
    const debug = { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-flags': '1' };
    const passedOn = (traceparent: string) => {
      const context = propagator?.extract(ROOT_CONTEXT, { ...debug, traceparent }, defaultTextMapGetter);
      const passed: Record<string, string> = {};
      propagator?.inject(context ?? ROOT_CONTEXT, passed, defaultTextMapSetter);
      const { 'x-b3-traceid': id, 'x-b3-flags': flags, 'x-b3-sampled': sampled, b3 = '' } = passed;
      return { id, flags, sampled, single: b3.slice(-1) };
    };
    const single = (state: string) => (names.includes('b3' as never) ? state : '');
    assert.deepEqual(passedOn(`00-${other}-${spanId}-00`), {
      id: other,
      flags: undefined,
      sampled: '0',
      single: single('0'),
    });
    assert.deepEqual(passedOn(`00-${traceId}-${spanId}-01`), {
      id: traceId,
      flags: '1',
      sampled: undefined,
      single: single('d'),
    });
  });

async function assertUpperCaseIsContinued(backend: Backend, { url }: { url: string }) {
  const [traceId, spanId] = [`A${hex(31)}`, `B${hex(15)}`].map((id) => id.toUpperCase());
  const [mine, neighbor] = await Promise.all([get(url, b3(`${traceId}`, `${spanId}`)), get(url)]);
  assert.equal(mine.body.trace_id, traceId?.toLowerCase());
  assert.equal((await traceOf(backend, `${neighbor.body.trace_id}`, 5)).length, 5);
  const spans = await traceOf(backend, `${mine.body.trace_id}`, 5);
  assert.equal(spans.find((span) => span.tags?.user_headers)?.parentId, spanId?.toLowerCase());
}

test('upper-case ids are continued in lower case and cost no neighbor its trace, in real Zipkin', {
  skip: noZipkin(),
}, async () => {
  const zipkin = zipkinAt(`${ZIPKIN_URL}`);
  await using service1 = await startService1(zipkin);
  await assertUpperCaseIsContinued(zipkin, service1);
});

test('upper-case ids are continued in lower case, whichever B3 form OTEL_PROPAGATORS names', async () => {
  await assertUpperCaseIsContinued(viewer, service1);
  await using single = await startService1(viewer, { OTEL_PROPAGATORS: 'b3' });
  await assertUpperCaseIsContinued(viewer, single);
});

test('OTEL_PROPAGATORS wins: with tracecontext, the trace of a caller’s traceparent is continued', async () => {
  await using service1 = await startService1(viewer, { OTEL_PROPAGATORS: 'tracecontext' });
  const traceId = hex(32);
  passedOn.length = 0;
  const { body } = await get(service1.url, { traceparent: `00-${traceId}-${hex(16)}-01` });
  assert.equal(body.trace_id, traceId);
  const clients = (await traceOf(viewer, traceId, 5)).filter(({ kind }) => kind === 'CLIENT');
  assert.deepEqual(
    passedOn.map(({ traceparent }) => traceparent).sort(),
    clients.map(({ id }) => `00-${traceId}-${id}-01`).sort(),
  );
});
