// BACKEND=collector: what the Collector keeps, and what outages lose.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backend, zipkinAt } from '../support/backends.ts';
import { composeProject, noDocker } from '../support/docker.ts';
import { b3, get, hex } from '../support/http.ts';
import { jaegerAt } from '../support/jaeger.ts';
import { sendLargeRequests } from '../support/large-requests.ts';
import { load } from '../support/load.ts';
import { failedSpans, goodSpans } from '../support/trace.ts';
import { until } from '../support/wait.ts';
import { arrive as arriveIn, spanCounts, tracesOf } from '../support/whole-traces.ts';

const settings = { BACKEND: 'collector', INTENTIONAL_FAILURE_PCT: '0', SERVICE3_SLEEP_MS: '0' };
const service1 = 'http://localhost:5001';
const failing = `${service1}/?failure_pct=100`;
const backends: Record<string, Backend> = {
  zipkin: zipkinAt('http://localhost:9411'),
  jaeger: jaegerAt('http://localhost:16686', {}),
};

suite('BACKEND=collector docker compose up', { skip: await noDocker([], settings) }, () => {
  let demo: ReturnType<typeof composeProject>;
  const compose: typeof demo.compose = (...args) => demo.compose(...args);
  const send = async (url: string, count: number) => tracesOf(await load(url, count, 10));
  const arrive = (where: string, ids: string[], spans: number) => arriveIn(backends[where] as Backend, ids, spans);

  before(async () => {
    demo = composeProject([], settings);
    await compose('up --build --wait');
  });
  after(() => demo.remove());

  test('every failed trace arrives whole in both; of the good ones one in ten, whole too, and the same in both', async (t) => {
    const [failed, good] = [await send(failing, 100), await send(service1, 1000)];
    const last = await send(failing, 1); // decided upon after all of the others
    for (const where of Object.keys(backends)) await arrive(where, [...failed, ...last], failedSpans);
    const kept: Record<string, string[]> = {};
    for (const [where, backend] of Object.entries(backends)) {
      const counts = await until(`whole traces in ${where}`, async () => {
        const counts = await spanCounts(backend, good);
        return counts.every((count) => count === 0 || count === goodSpans) && counts;
      });
      kept[where] = good.filter((_, index) => counts[index] === goodSpans);
    }
    t.diagnostic(`${kept.zipkin?.length} of ${good.length} good traces were kept`);
    assert.deepEqual(kept.zipkin, kept.jaeger);
    const { length = 0 } = kept.zipkin ?? [];
    const fiveSigma = 5 * Math.sqrt(1000 * 0.1 * 0.9); // missed once in two million runs
    assert.ok(Math.abs(length - 100) < fiveSigma, `${length} of 1,000 is not 10%`);
  });

  test('B3 carries the trace from one service to the next', async () => {
    const traceId = '463ac35c9f6413ad48485a3953bb6124';
    const headers = b3(traceId);
    assert.equal((await get(failing, headers)).body.trace_id, traceId);
    await arrive('zipkin', [traceId], failedSpans);
  });

  for (const [where, service] of Object.entries({ zipkin: 'zipkin', jaeger: 'collector-jaeger' })) {
    test(`spans sent while ${where} is stopped for 20 s arrive when it is back`, async () => {
      await compose(`stop ${service}`);
      const stopped = performance.now();
      const ids = await send(failing, 50);
      await arrive(where === 'zipkin' ? 'jaeger' : 'zipkin', ids, failedSpans); // so they have been tried here too
      ids.push(...(await send(failing, 50)));
      await sleep(20_000 - (performance.now() - stopped)); // the outage itself, not a wait for something
      await compose(`start ${service}`);
      await arrive(where, ids, failedSpans);
    });
  }

  test('the Collector killed and started again: what had reached its queue arrives', async () => {
    await compose('stop zipkin');
    const ids = await send(failing, 100);
    await arrive('jaeger', ids, failedSpans); // so they are in the queue to Zipkin
    await compose('kill collector');
    await compose('start collector zipkin');
    await arrive('zipkin', ids, failedSpans);
  });

  test('the Collector killed with traces that it has not decided upon: later ones arrive', async (t) => {
    const held = await send(failing, 300);
    await compose('kill collector');
    await compose('start collector');
    await arrive('zipkin', await send(failing, 20), failedSpans);
    const whole = (await spanCounts(backends.zipkin as Backend, held)).filter((count) => count === failedSpans).length;
    t.diagnostic(
      `of ${held.length} traces of the second before the kill, ${whole} are whole: the rest was in tail_sampling`,
    );
  });

  test('twelve traces of 450 large requests: the traces of other callers arrive, before and after the Collector is killed', async () => {
    for (const id of await send(failing, 12)) await sendLargeRequests(service1, 450, `${id}-${hex(16)}-1`); // so all are kept
    for (const where of Object.keys(backends)) await arrive(where, await send(failing, 20), failedSpans);
    await compose('kill collector');
    await compose('start collector');
    for (const where of Object.keys(backends)) await arrive(where, await send(failing, 20), failedSpans);
  });

  test('slow traces, and those that take longest, arrive whole', async () => {
    await compose('up --wait', { SERVICE3_SLEEP_MS: '1100' });
    const slow = await send(service1, 10); // over 2 s
    for (const where of Object.keys(backends)) await arrive(where, slow, goodSpans);

    await compose('pause service3'); // service2 gives up after 2.5 s, service1 5 s later
    const results = await load(service1, 5, 5);
    assert.deepEqual(
      results.map(({ status }) => status),
      Array(5).fill(502),
    );
    const longest = results.map(({ trace_id }) => `${trace_id}`);
    for (const where of Object.keys(backends)) await arrive(where, longest, 8);
    await compose('unpause service3');
  });
});
