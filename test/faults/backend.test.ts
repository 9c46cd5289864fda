// The backend misbehaves while requests come in: none of them may fail or wait for it.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { get } from '../support/http.ts';
import { load, median, residentMB } from '../support/load.ts';
import { linesOf } from '../support/log-lines.ts';
import { type Mode, startRecorder } from '../support/recorder.ts';
import { startDemo, startService } from '../support/services.ts';
import { goodSpans } from '../support/trace.ts';
import { hangSeconds, unlessItHangs, until } from '../support/wait.ts';

const modes: Mode[] = ['refuses', 'slow', 'hung', '500', 'garbage', 'cut', 'drips', 'endless', 'redirects'];
/** They respond 202, and then misbehave: the backend has the batch. */
const delivered: Mode[] = ['cut', 'drips', 'endless'];
const outageLines = (service: Parameters<typeof linesOf>[0]) =>
  linesOf(service).filter(({ logger }) => logger === 'opentelemetry');

suite('a backend that misbehaves', () => {
  for (const mode of modes) {
    for (const from of ['from the start', 'beginning under load'] as const) {
      test(`${mode}, ${from}: no request fails, at most one log line a minute, and new spans arrive when it is back`, async (t) => {
        await using recorder = await startRecorder();
        if (from === 'from the start') await recorder.become(mode);
        await using demo = await startDemo(recorder, { OTEL_EXPORTER_ZIPKIN_TIMEOUT: '1000' });
        await load(demo.url, 700, 10); // warm
        const healthy = from === 'from the start' ? undefined : await load(demo.url, 700, 10);
        if (healthy) assert.deepEqual(failures(healthy), []);
        await recorder.become(mode);
        const results = await load(demo.url, 1000, 10);
        assert.deepEqual(failures(results), []);
        if (healthy)
          t.diagnostic(
            `median latency: ${(median(results) / median(healthy)).toFixed(2)} of that with a healthy backend`,
          );

        // One line for each service that has had a failed export; a slow one that is in time is not a failure.
        const services = [demo.service1, demo.service2, demo.service3];
        for (const service of services) {
          if (delivered.includes(mode)) {
            assert.deepEqual(outageLines(service), []);
            continue;
          }
          await until('the line about the outage', () => outageLines(service).length > 0);
          const lines = outageLines(service);
          const times = lines.map(({ time }) => Date.parse(`${time}`));
          // On a busy machine this test takes minutes.
          assert.ok(
            times.every((time, i) => i === 0 || time - Number(times[i - 1]) > 59_000),
            JSON.stringify(lines),
          );
          for (const { msg } of lines) {
            assert.match(
              msg,
              /^(can't send spans to http|the span queue is full).* \(\d+ spans lost since the start\)\. Requests are not affected/,
            );
          }
        }

        await recorder.become('ok');
        const later: (string | undefined)[] = [];
        await until('a trace that is whole again', async () => {
          later.push((await get(demo.url)).body.trace_id);
          return later.some((id) => recorder.spans.filter(({ traceId }) => traceId === id).length === goodSpans);
        });
        for (const { text } of services) assert.equal(text.stderr, '');
      });
    }
  }
});

test('no request waits for a backend that hangs', async () => {
  await using recorder = await startRecorder();
  await recorder.become('hung');
  await using demo = await startDemo(recorder, {
    // a request that waited for an export would not end in time
    OTEL_EXPORTER_ZIPKIN_TIMEOUT: `${10 * hangSeconds * 1000}`,
    OTEL_BSP_EXPORT_TIMEOUT: `${11 * hangSeconds * 1000}`,
  });
  await get(demo.url);
  await until('an export that is held', () => recorder.posts() > 0);
  assert.deepEqual(failures(await load(demo.url, 1000, 10)), []);
});

for (const [mode, exports] of [
  ['hung', 30],
  ['drips', 200],
  ['endless', 200],
  ['cut', 200],
] as const) {
  test(`${mode}: one POST is open at a time, memory is bounded, and it exits, after ${exports} exports`, async (t) => {
    await using recorder = await startRecorder();
    await using service3 = await startService('service3', {
      ...recorder.env,
      SERVICE3_SLEEP_MS: '1',
      // Shorter than in otel.env, in the same order: the SDK waits longer for an export than it takes.
      OTEL_EXPORTER_ZIPKIN_TIMEOUT: '600',
      OTEL_BSP_EXPORT_TIMEOUT: '5600', // a busy machine may be late by seconds
      OTEL_BSP_SCHEDULE_DELAY: '10',
    });
    await load(service3.url, 2000, 10); // warm
    await recorder.become(mode);
    const first = recorder.posts();
    // Sampled between two events: the recorder may hear of a connection's end just after the next one's start.
    let mostOpen = 0;
    const samples = setInterval(() => {
      mostOpen = Math.max(mostOpen, recorder.open());
    }, 20);
    let busy = true;
    const memoryAfter = async (count: number) => {
      await until(`${count} exports`, () => recorder.posts() - first > count);
      return residentMB(service3.pid);
    };
    // Half of them fill the queue and the heap: a leak grows with the other half, too.
    const memory = Promise.all([memoryAfter(exports / 2), memoryAfter(exports)]).finally(() => {
      busy = false;
    });
    assert.deepEqual(failures(await load(service3.url, Number.POSITIVE_INFINITY, 10, () => !busy)), []);
    const [before, after] = await memory;
    clearInterval(samples);
    t.diagnostic(`${before} MB after ${exports / 2} exports, ${after} MB after ${exports}`);
    assert.ok(mostOpen <= 1, `${mostOpen} POSTs are open at once`);
    assert.ok(after - before < 100, `${after - before} MB more`);
    service3.signal('SIGTERM');
    assert.equal(await unlessItHangs(service3.exit), 0);
  });
}

// OTLP's exporter gives up after its fifth retry, 10 to 16 s after the first attempt, however long its timeout is.
for (const [format, seconds] of [
  ['zipkin', 10],
  ['otlp', 5],
] as const) {
  test(`nothing is lost in an outage of ${seconds} s (${format})`, async (t) => {
    await using recorder = await startRecorder();
    await using demo = await startDemo(format === 'otlp' ? { env: recorder.otlp } : recorder);
    const results = await load(demo.url, 100, 5);
    await recorder.become('refuses');
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
      results.push(...(await load(demo.url, 5, 1)));
      // at some 40 requests/s the queue of 8192 spans holds them all
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await recorder.become('ok');
    results.push(...(await load(demo.url, 100, 5)));
    assert.deepEqual(failures(results), []);
    const distinct = () => new Set(recorder.spans.map(({ id }) => id)).size; // a batch may be sent twice
    await until('all spans', () => distinct() >= results.length * goodSpans);
    t.diagnostic(`${results.length} requests, ${distinct()} spans`);
    assert.equal(distinct(), results.length * goodSpans);
  });
}

test('an outage longer than OTEL_EXPORTER_ZIPKIN_TIMEOUT: the loss is logged with the number of spans, later traces are whole', async () => {
  await using recorder = await startRecorder();
  await using demo = await startDemo(recorder, { OTEL_EXPORTER_ZIPKIN_TIMEOUT: '500' });
  await recorder.become('refuses');
  await load(demo.url, 20, 5);
  const line = await until('the line about it', () => outageLines(demo.service1)[0]);
  assert.match(line.msg, /ECONNREFUSED.*\(\d+ spans lost since the start\)/);
  await recorder.become('ok');
  const [later] = await load(demo.url, 1, 1);
  await until('a whole trace', () => recorder.spans.filter((s) => s.traceId === later?.trace_id).length === goodSpans);
});

test('an outage in which the queue overflows: the loss is counted in the log, the rest arrives', async (t) => {
  await using recorder = await startRecorder();
  await using service3 = await startService('service3', {
    ...recorder.env,
    SERVICE3_SLEEP_MS: '0',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
  });
  await recorder.become('refuses');
  await load(service3.url, 500, 5); // 1000 spans
  await recorder.become('ok');
  await until('what waited', () => recorder.spans.length >= 100);
  await until('a span that the queue takes again', async () => {
    await get(service3.url);
    return outageLines(service3).length > 0;
  });
  const [line] = outageLines(service3);
  const [, lost] = line?.msg.match(/^the span queue is full.*\((\d+) spans lost since the start\)/) ?? [];
  // a line may come after its response
  const ended = () => 2 * linesOf(service3).filter(({ status }) => status === 200).length;
  await until('the rest', () => recorder.spans.length === ended() - Number(lost));
  t.diagnostic(`${ended()} spans, ${lost} lost`);
});

test('a log reader that stalls: requests get responses, memory is bounded, and at SIGTERM the spans are sent', async (t) => {
  await using recorder = await startRecorder();
  await using service3 = await startService('service3', {
    ...recorder.env,
    SERVICE3_SLEEP_MS: '0',
    OTEL_BSP_SCHEDULE_DELAY: '60000',
  });
  await load(service3.url, 500, 5); // warm
  service3.pauseStdout();
  assert.deepEqual(failures(await load(service3.url, 3000, 5)), []);
  t.diagnostic(`${residentMB(service3.pid)} MB`);
  service3.signal('SIGTERM');
  await until('the spans', () => recorder.spans.length === 7000);
  assert.equal(
    await Promise.race([service3.exit, new Promise((resolve) => setTimeout(resolve, 2000, 'running'))]),
    'running',
  );
  service3.resumeStdout(); // the limit: only now it exits
  assert.equal(await unlessItHangs(service3.exit), 0);
});

const failures = (results: Awaited<ReturnType<typeof load>>) => results.filter(({ status }) => status !== 200);
