import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { b3, get, hex } from './support/http.ts';
import { startService } from './support/services.ts';
import { goodSpans, traceOf } from './support/trace.ts';

test('OTEL_RESOURCE_ATTRIBUTES wins over the random service.instance.id', async () => {
  await using viewer = await startViewer();
  await using service3 = await startService('service3', {
    ...viewer.env,
    SERVICE3_SLEEP_MS: '0',
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-7',
  });
  const traceId = hex(32);
  await get(service3.url, b3(traceId));
  const spans = await traceOf(viewer, traceId, 2);
  assert.deepEqual(
    spans.map(({ tags }) => tags?.['service.instance.id']),
    ['pod-7', 'pod-7'],
  );
});

test('two replicas of service3 have their own service.instance.id in a trace, and the version of package.json', async () => {
  await using viewer = await startViewer();
  const env = { ...viewer.env, INTENTIONAL_FAILURE_PCT: '0', SERVICE3_SLEEP_MS: '1' };
  await using oneService3 = await startService('service3', env);
  await using otherService3 = await startService('service3', env);
  await using service2 = await startService('service2', { ...env, SERVICE3_URL: oneService3.url });
  await using service1 = await startService('service1', {
    ...env,
    SERVICE2_URL: service2.url,
    SERVICE3_URL: otherService3.url,
  });
  const { body } = await get(service1.url);
  const spans = await traceOf(viewer, `${body.trace_id}`, goodSpans);
  const instances = (service: string) => {
    const its = spans.filter(({ localEndpoint }) => localEndpoint?.serviceName === service);
    return new Set(its.map(({ tags }) => tags?.['service.instance.id']));
  };
  assert.equal(instances('service1').size, 1);
  assert.equal(instances('service3').size, 2);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.deepEqual([...new Set(spans.map(({ tags }) => tags?.['service.version']))], [version]);
});
