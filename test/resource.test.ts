import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { b3, get, hex } from './support/http.ts';
import { startService } from './support/services.ts';
import { traceOf } from './support/trace.ts';

const viewer = disposeAfterTests(await startViewer());
const env = { ...viewer.env, SERVICE3_SLEEP_MS: '0' };

/** What both spans of a request to a service3 say about the service. */
async function resourceOf({ url }: { url: string }) {
  const traceId = hex(32);
  await get(url, b3(traceId));
  const [server, sleep] = (await traceOf(viewer, traceId, 2)).map(({ tags, localEndpoint }) => ({
    name: localEndpoint?.serviceName,
    version: tags?.['service.version'],
    instance: tags?.['service.instance.id'],
  }));
  assert.deepEqual(server, sleep);
  return server;
}

test('two replicas of service3 have their own service.instance.id, and the version of package.json', async () => {
  await using one = await startService('service3', env);
  await using other = await startService('service3', env);
  const [first, second] = [await resourceOf(one), await resourceOf(other)];
  assert.ok(first?.instance && second?.instance);
  assert.notEqual(first.instance, second.instance);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.deepEqual(await resourceOf(one), { name: 'service3', version, instance: first.instance });
});

test('OTEL_SERVICE_NAME wins over the name, and OTEL_RESOURCE_ATTRIBUTES over the random service.instance.id', async () => {
  await using service3 = await startService('service3', {
    ...env,
    OTEL_SERVICE_NAME: 'shop',
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-7',
  });
  const { name, instance } = (await resourceOf(service3)) ?? {};
  assert.deepEqual([name, instance], ['shop', 'pod-7']);
});
