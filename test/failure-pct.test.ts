import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { get } from './support/http.ts';
import { type Line, linesOf } from './support/log-lines.ts';
import { startService, startSharedDemo } from './support/services.ts';
import { draw, failedSpans, failedTrace, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const { viewer, demo } = await startSharedDemo();
const always = { ...viewer.env, SERVICE3_URL: demo.service3.url, INTENTIONAL_FAILURE_PCT: '100' };
const failingService2 = disposeAfterTests(await startService('service2', always));
const failing = disposeAfterTests(await startService('service1', { ...always, SERVICE2_URL: failingService2.url }));

test('?failure_pct=100 makes this request fail, and only this one', async () => {
  const { status, body } = await get(`${demo.url}/?failure_pct=100`);
  assert.equal(status, 200);
  assert.deepEqual([body.failure_chance_pct, body.response_codes], [100, { service2: 500, service3: 200 }]);
  assert.equal(draw(await traceOf(viewer, `${body.trace_id}`, failedSpans)), failedTrace);
  const next = await get(demo.url);
  assert.deepEqual([next.body.failure_chance_pct, next.body.response_codes.service2], [0, 200]);
});

test('?failure_pct=0 makes a request succeed if all others fail', async () => {
  const { body } = await get(`${failing.url}/?failure_pct=0`);
  assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [0, 200]);
  assert.equal((await get(failing.url)).body.response_codes.service2, 500);
});

for (const query of [
  '=',
  '=101',
  '=-1',
  '=1e2',
  '=%20100',
  '=50.0',
  '=0100',
  '=100%00',
  '=<b>',
  '=1&failure_pct=2',
  '=%0d%0aX:1',
]) {
  test(`?failure_pct${query} is a 400 that names the parameter, the value and the valid values`, async () => {
    const response = await fetch(`${demo.url}/?failure_pct${query}`);
    assert.equal(response.status, 400);
    const { error } = (await response.json()) as { error: string };
    assert.match(
      error,
      /^failure_pct=(".*"|\["1","2"\]) is not valid: it must be an integer from 0 to 100, given once$/,
    );
  });
}

for (const [what, name] of [
  ['names', 'name'],
  ['numbers', ''],
] as const) {
  test(`?failure_pct=100 takes effect beside 180 entries of baggage, the most that is propagated: ${what}`, async () => {
    const baggage = Array.from({ length: 180 }, (_, i) => `${name}${i}=x`).join();
    const { body } = await get(`${demo.url}/?failure_pct=100`, { baggage });
    assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [100, 500]);
  });
}

test('a caller’s baggage sets the percentage too, two services away; the parameter takes precedence', async () => {
  const baggage = { baggage: 'user=ann,failure_pct=100' };
  const { body } = await get(demo.url, baggage);
  assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [100, 500]);
  const { body: asked } = await get(`${demo.url}/?failure_pct=0`, baggage);
  assert.deepEqual([asked.failure_chance_pct, asked.response_codes.service2], [0, 200]);
});

for (const value of ['abc', '101', '-1', '%0aX', '<b>', '%C2%9B31m', '%E2%80%AE001', '%E2%80%8B5', '1'.repeat(4000)]) {
  test(`service2 ignores the baggage failure_pct=${value.slice(0, 20)}, and logs that`, async () => {
    const { status, body } = await get(demo.url, { baggage: `failure_pct=${value}` });
    assert.equal(status, 200);
    assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [0, 200]);
    const line = await until('the warning', () =>
      linesOf(demo.service2).find(({ level, trace_id }: Line) => level === 'warn' && trace_id === body.trace_id),
    );
    assert.match(line.msg, /^ignored the baggage failure_pct=".{2,200}": it must be an integer from 0 to 100$/);
    assert.doesNotMatch(line.msg, /[\p{Cc}\p{Cf}]/u, 'no control character, no bidi override');
  });
}

for (const baggage of [
  'failure_pct',
  'failure_pct=%zz',
  '=100',
  ';;;,,,',
  'x='.repeat(2000),
  `a=${'b'.repeat(8000)}`,
]) {
  test(`malformed baggage fails no request: ${baggage.slice(0, 20)}`, async () => {
    const { status, body } = await get(demo.url, { baggage });
    assert.deepEqual([status, body.response_codes], [200, { service2: 200, service3: 200 }]);
  });
}

for (const off of [{ OTEL_PROPAGATORS: 'tracecontext' }, { OTEL_SDK_DISABLED: 'true' }] as Record<string, string>[]) {
  test(`with ${Object.entries(off).join().replace(',', '=')}, ?failure_pct= is ignored and logged; the response has the percentage in effect`, async () => {
    await using service1 = await startService('service1', { ...always, SERVICE2_URL: failingService2.url, ...off });
    const { body } = await get(`${service1.url}/?failure_pct=0`);
    assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [100, 500]);
    const line = await until('the warning', () => linesOf(service1).find(({ level }) => level === 'warn'));
    assert.match(line.msg, /^ignored failure_pct=0: baggage is not propagated/);
  });
}
