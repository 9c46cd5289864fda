// Nothing is lost: not under load, and not when a service is stopped under it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZipkinSpan } from '../../local/viewer/span.ts';
import { load, residentMB } from '../support/load.ts';
import { linesOf } from '../support/log-lines.ts';
import { startRecorder } from '../support/recorder.ts';
import { startDemo } from '../support/services.ts';
import { goodSpans } from '../support/trace.ts';
import { unlessItHangs, until } from '../support/wait.ts';

const spansByTrace = (spans: ZipkinSpan[], service: string) => {
  const counts = new Map<string, number>();
  for (const span of spans) {
    if (span.localEndpoint?.serviceName === service) counts.set(span.traceId, (counts.get(span.traceId) ?? 0) + 1);
  }
  return counts;
};

test('20,000 requests on 50 connections: all get a response, no span is lost, flat memory, no warning', async (t) => {
  await using recorder = await startRecorder();
  await using demo = await startDemo(recorder);
  const services = [demo.service1, demo.service2, demo.service3];
  const memory: number[][] = [];
  let completed = 0;
  for (let round = 0; round < 10; round++) {
    const results = await load(demo.url, 2000, 50);
    assert.deepEqual(
      results.filter(({ status }) => status !== 200),
      [],
    );
    completed += results.length;
    await until('every span of this round', () => recorder.spans.length === completed * goodSpans);
    recorder.spans.length = 0;
    completed = 0;
    memory.push(services.map(({ pid }) => residentMB(pid)));
    for (const { text } of services) text.stdout = ''; // do not keep 80,000 log lines
  }
  t.diagnostic(`memory of the services in MB, every 2,000 requests: ${memory.map((mb) => mb.join('/')).join('  ')}`);
  for (const [index] of services.entries()) {
    const mb = memory.map((round) => round[index] ?? 0);
    const [warm, last] = [Math.max(...mb.slice(2, 6)), Math.max(...mb.slice(6))];
    assert.ok(last < warm * 1.25, `service${index + 1} grew from ${warm} to ${last} MB`);
  }
  for (const { text } of services) assert.equal(text.stderr, ''); // MaxListenersExceededWarning, unhandled rejections
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} to service1 under load: it exits with 0, and the spans of every request with a response have arrived`, async (t) => {
    await using recorder = await startRecorder();
    await using demo = await startDemo(recorder);
    let stopped = false;
    const running = load(demo.url, Number.POSITIVE_INFINITY, 20, () => stopped);
    await until('1,000 requests', () => linesOf(demo.service1).length > 1000);
    demo.service1.signal(signal);
    assert.equal(await demo.service1.exit, 0);
    stopped = true;
    const completed = (await running).filter(({ trace_id }) => trace_id);
    const counts = spansByTrace(recorder.spans, 'service1');
    const lost = completed.filter(({ trace_id }) => counts.get(`${trace_id}`) !== 5);
    t.diagnostic(`${completed.length} requests got a response, ${lost.length} without all of their spans`);
    assert.ok(completed.length > 1000);
    assert.deepEqual(lost, []);
    assert.deepEqual(
      completed.filter(({ status }) => status !== 200),
      [],
    );
  });
}

test('SIGTERM under load with a hung backend: exit 0, before Docker would kill', async () => {
  await using recorder = await startRecorder();
  await using demo = await startDemo(recorder);
  await recorder.become('hung');
  let stopped = false;
  const running = load(demo.url, Number.POSITIVE_INFINITY, 20, () => stopped);
  await until('1,000 requests', () => linesOf(demo.service1).length > 1000);
  demo.service1.signal('SIGTERM');
  assert.equal(await unlessItHangs(demo.service1.exit), 0);
  stopped = true;
  await running;
});

for (const victim of ['service2', 'service3'] as const) {
  test(`SIGKILL of ${victim} under load: service1 responds to every request, and the trace shows where it broke`, async () => {
    await using recorder = await startRecorder();
    await using demo = await startDemo(recorder, { DOWNSTREAM_TIMEOUT_MS: '1000' });
    let stopped = false;
    const running = load(demo.url, Number.POSITIVE_INFINITY, 20, () => stopped);
    await until('500 requests', () => linesOf(demo.service1).length > 500);
    demo[victim].signal('SIGKILL');
    await until('1,000 more', () => linesOf(demo.service1).filter(({ status }) => status === 502).length > 1000);
    stopped = true;
    const results = await running;
    assert.deepEqual(
      results.filter(({ status }) => !(status === 200 || status === 502)),
      [],
    );
    const broken = results.findLast(({ status }) => status === 502)?.trace_id;
    const error = await until('the span that broke', () =>
      recorder.spans.find((span) => span.traceId === broken && span.name === `call_${victim}_from_service1`),
    );
    assert.match(`${error.tags?.error}`, /can't reach http.*(ECONNREFUSED|ECONNRESET|closed)/);
  });
}
