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

/** The value of a tag on both spans of a request to a service3. */
async function tagOf({ url }: { url: string }, name: string) {
  const traceId = hex(32);
  await get(url, b3(traceId));
  const [server, sleep] = (await traceOf(viewer, traceId, 2)).map(({ tags }) => tags?.[name]);
  assert.equal(server, sleep);
  return server;
}

test('two replicas of service3 have their own service.instance.id, and the version of package.json', async () => {
  await using one = await startService('service3', env);
  await using other = await startService('service3', env);
  const [id, otherId] = [await tagOf(one, 'service.instance.id'), await tagOf(other, 'service.instance.id')];
  assert.ok(id && otherId && id !== otherId, `${id} ${otherId}`);
  assert.equal(await tagOf(one, 'service.instance.id'), id);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.equal(await tagOf(one, 'service.version'), version);
});

test('OTEL_RESOURCE_ATTRIBUTES wins over the random service.instance.id', async () => {
  await using service3 = await startService('service3', {
    ...env,
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-7',
  });
  assert.equal(await tagOf(service3, 'service.instance.id'), 'pod-7');
});
