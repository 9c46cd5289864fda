// The traces of docs/experiments.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startViewer, ZIPKIN_URL, zipkinAt } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { b3, get, hex } from './support/http.ts';
import { linesOf } from './support/log-lines.ts';
import { openPorts } from './support/ports.ts';
import { run } from './support/process.ts';
import { freeUrl, serve } from './support/servers.ts';
import { startDemo, startService } from './support/services.ts';
import { noZipkin } from './support/skip.ts';
import { draw, failedSpans, failedTrace, goodSpans, goodTrace, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const viewer = disposeAfterTests(await startViewer());

const passesHeadersOn = readFileSync('docs/experiments.md', 'utf8').match(/```js\n(.*?)```/s)?.[1] ?? '';

for (const { name, skip = false, backend } of [
  { name: 'the viewer', backend: viewer },
  { name: 'real Zipkin', skip: noZipkin(), backend: zipkinAt(`${ZIPKIN_URL}`) },
]) {
  const drawTrace = async (id: unknown, spans: number) => draw(await traceOf(backend, `${id}`, spans));

  /** The traces that have begun in service3, as text. */
  const begunIn = async (service: Awaited<ReturnType<typeof startService>>, traceId: unknown, count: number) => {
    const others = await until('their log lines', () => {
      const ids = linesOf(service).flatMap(({ trace_id, route }) => (route && trace_id !== traceId ? [trace_id] : []));
      return ids.length === count && ids;
    });
    return Promise.all(others.map((id) => drawTrace(id, 2)));
  };
  const service3Alone = 'SERVER service3 get / route=/\n  - service3 sleep_service3';

  suite(`in ${name}`, { skip }, () => {
    test('service2 without tracing: the trace ends at the call, and service3 begins another one', async () => {
      await using demo = await startDemo(backend, {}, { service2: { OTEL_SDK_DISABLED: 'true' } });
      const { trace_id } = (await get(demo.url)).body;
      const endsAtTheCall = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`;
      assert.equal(await drawTrace(trace_id, 7), endsAtTheCall.trim());
      assert.deepEqual(await begunIn(demo.service3, trace_id, 1), [service3Alone]);
    });

    for (const [propagators, isWhole] of [
      ['tracecontext', false],
      ['b3multi,tracecontext,baggage', true],
    ] as const) {
      test(`service3 with OTEL_PROPAGATORS=${propagators}: ${isWhole ? 'one trace' : 'three traces'}`, async () => {
        await using demo = await startDemo(backend, {}, { service3: { OTEL_PROPAGATORS: propagators } });
        const { trace_id } = (await get(demo.url)).body;
        if (isWhole) return assert.equal(await drawTrace(trace_id, goodSpans), goodTrace);
        const withoutService3 = goodTrace.split('\n').filter((line) => !line.includes(' service3 '));
        assert.equal(await drawTrace(trace_id, withoutService3.length), withoutService3.join('\n'));
        assert.deepEqual(await begunIn(demo.service3, trace_id, 2), [service3Alone, service3Alone]);
      });
    }

    test('B3 headers that are passed on by hand reach service3 twice: it begins another trace', async () => {
      await using service3 = await startService('service3', { ...backend.env, SERVICE3_SLEEP_MS: '1' });
      const toService3 = { ...backend.env, SERVICE3_URL: service3.url };
      const { port } = new URL(await freeUrl());
      const program = passesHeadersOn.replace('http://localhost:5003', service3.url).replace('5002', port);
      const preload = ['--env-file=otel.env', '--import', './src/telemetry.ts'];
      const args = [...preload, '--input-type=module', '-e', program];
      await using _service2 = run(process.execPath, args, { ...toService3, SERVICE_NAME: 'service2' });
      await until('service2 to listen', async () => (await openPorts([Number(port)])).length > 0);
      const SERVICE2_URL = `http://localhost:${port}`;
      await using service1 = await startService('service1', { ...toService3, SERVICE2_URL });
      const { trace_id } = (await get(service1.url)).body;
      const endsAtItsCall = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get
      SERVER service2 get / route=/
        CLIENT service2 get
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`;
      assert.equal(await drawTrace(trace_id, 9), endsAtItsCall.trim());
      assert.deepEqual(await begunIn(service3, trace_id, 1), [service3Alone]);
    });

    test('work that outlives its caller: service2 gives up and is red, so is the response that nobody reads, the work is not', async () => {
      await using demo = await startDemo(backend, { SERVICE3_SLEEP_MS: '3000', DOWNSTREAM_TIMEOUT_MS: '4000' });
      const { status, body } = await get(demo.url);
      assert.equal(status, 200);
      assert.deepEqual(body.response_codes, { service2: 502, service3: 200 });
      const outlived = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get error=502
      SERVER service2 get / route=/ error=502
        - service2 call_service3_from_service2 error=no response from ${demo.service3.url} within 2000 ms
          CLIENT service2 get error=no response from ${demo.service3.url} within 2000 ms
            SERVER service3 get / route=/ error=client_disconnected
              - service3 sleep_service3
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`;
      const spans = await traceOf(backend, `${body.trace_id}`, goodSpans);
      assert.equal(draw(spans), outlived.trim());
    });

    test('one trace in ten is kept, unless the caller decides', async () => {
      const sampler = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' };
      await using demo = await startDemo(backend, sampler);
      const requests = await Promise.all(Array.from({ length: 100 }, () => get(demo.url)));
      const kept = requests.flatMap(({ body }) => body.trace_id ?? []);
      assert.ok(kept.length > 0 && kept.length < 40, `${kept.length} of 100`); // none once in 37,000 runs
      assert.equal(await drawTrace(kept[0], goodSpans), goodTrace);
      const asked = await Promise.all(Array.from({ length: 10 }, () => get(demo.url, b3(hex(32)))));
      for (const { body } of asked) await traceOf(backend, `${body.trace_id}`, goodSpans);
      assert.equal((await get(demo.url, b3(hex(32), hex(16), '0'))).body.trace_id, undefined);
    });

    for (const [query, tree, spans] of [
      ['', goodTrace, goodSpans],
      ['&failure_pct=100', failedTrace, failedSpans],
    ] as const) {
      test(`?parallel=1${query}: the spans are those of calls one after the other`, async () => {
        await using demo = await startDemo(backend);
        const { trace_id } = (await get(`${demo.url}/?parallel=1${query}`)).body;
        assert.equal(await drawTrace(trace_id, spans), tree);
      });
    }
  });
}

for (const [query, order] of [
  ['', ['service2 responds', 'service3 is called']],
  ['?parallel=1', ['service3 is called', 'service2 responds']],
] as const) {
  test(`GET /${query}: ${order.join(', ')}`, async () => {
    const events: string[] = [];
    await using service2 = await serve(async (_req, res) => {
      if (query) await until('the call to service3', () => events.includes('service3 is called'));
      else await sleep(200); // long enough for a call that does not wait
      events.push('service2 responds');
      res.end();
    });
    await using service3 = await serve((_req, res) => {
      events.push('service3 is called');
      res.end();
    });
    const urls = { SERVICE2_URL: service2.url, SERVICE3_URL: service3.url };
    await using service1 = await startService('service1', { ...viewer.env, ...urls });
    await get(`${service1.url}/${query}`);
    assert.deepEqual(events, order);
  });
}

const service1 = disposeAfterTests(await startService('service1', viewer.env));
for (const query of ['=', '=2', '=true', '=1&parallel=1']) {
  test(`?parallel${query} is a 400 that names the parameter, the value and the valid values`, async () => {
    const response = await fetch(`${service1.url}/?parallel${query}`);
    assert.equal(response.status, 400);
    const { error } = (await response.json()) as { error: string };
    assert.match(error, /^parallel=(".*"|\["1","1"\]) is not valid: it must be 0 or 1, given once$/);
  });
}
