// A Python service, traced with py_zipkin, in the place of service2: both kinds are in one trace while services are
// moved one by one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';
import type { ZipkinSpan } from '../local/viewer/span.ts';
import { startViewer } from './support/backends.ts';
import { b3, get, hex } from './support/http.ts';
import { run } from './support/process.ts';
import { startService } from './support/services.ts';
import { unless } from './support/skip.ts';
import { draw, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const env = { PYTHONPATH: resolve('node_modules/.python') };
const { status } = spawnSync('python3', ['-c', 'import py_zipkin'], { env: { ...process.env, ...env } });
const skip = unless(status === 0, 'no Python 3 with py_zipkin: see .ci/run');

async function startPython(variables: Record<string, string>) {
  const service = run('python3', ['test/py-zipkin/service2.py'], { ...env, ...variables });
  const url = await until('service2.py to listen', () => service.text.stdout.match(/http:\S+/)?.[0]);
  return { url, ...service };
}

/**
 * py_zipkin's SERVER span has the id of its caller's CLIENT span. As OpenTelemetry writes it, it is a child with an id
 * of its own.
 */
function withoutSharedIds(spans: ZipkinSpan[]): ZipkinSpan[] {
  const shared = spans.filter((span) => 'shared' in span) as ZipkinSpan[];
  const ownId = (id: string) => `${id} of service2`;
  return spans.map((span) => {
    if (shared.includes(span)) return { ...span, id: ownId(span.id), parentId: span.id };
    const parent = shared.find(({ id }) => id === span.parentId);
    const isLocal = span.localEndpoint?.serviceName === parent?.localEndpoint?.serviceName;
    return parent && isLocal ? { ...span, parentId: ownId(parent.id) } : span;
  });
}

suite('a py_zipkin service in the place of service2', { skip }, () => {
  test('one whole trace; none if the caller decided so', async () => {
    await using viewer = await startViewer();
    await using service3 = await startService('service3', { SERVICE3_SLEEP_MS: '1', ...viewer.env });
    await using service2 = await startPython({ SERVICE3_URL: service3.url, ...viewer.env });
    const urls = { SERVICE2_URL: service2.url, SERVICE3_URL: service3.url };
    await using service1 = await startService('service1', { ...urls, ...viewer.env });

    const send = async (sampled: string) => {
      const traceId = hex(32);
      const { body } = await get(service1.url, b3(traceId, hex(16), sampled));
      assert.deepEqual(body.response_codes, { service2: 200, service3: 200 }, service2.text.stderr);
      return traceId;
    };
    const unsampled = await send('0');
    const sampled = await send('1');

    assert.equal(
      draw(withoutSharedIds(await traceOf(viewer, sampled, 11))),
      `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get
      SERVER service2 get /
        CLIENT service2 get
          SERVER service3 get / route=/
            - service3 sleep_service3
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`.trim(),
    );
    assert.deepEqual(await viewer.trace(unsampled), []); // its spans would have left before those of the later request
  });
});
