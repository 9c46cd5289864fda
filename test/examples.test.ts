import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { alternatives, examples, startExample } from './support/example.ts';
import { get, hex } from './support/http.ts';
import { startRecorder } from './support/recorder.ts';
import { serve } from './support/servers.ts';
import { startService } from './support/services.ts';
import { draw, traceOf } from './support/trace.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const packageOf = (folder: string) => JSON.parse(read(join(folder, 'package.json')));

const viewer = disposeAfterTests(await startViewer());
const service3 = disposeAfterTests(await startService('service3', { SERVICE3_SLEEP_MS: '1', ...viewer.env }));
const joinedTrace = `
SERVER shop get /orders/:id route=/orders/:id
  CLIENT shop get
    SERVER service3 get / route=/
      - service3 sleep_service3`.trim();

// The next batch is a minute away: spans arrive because the signal sends them. A terminal and npm may both deliver it.
const onlyAtShutdown = { OTEL_BSP_SCHEDULE_DELAY: '60000' };

for (const folder of examples) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`examples/${folder}: ${signal} sends its spans, which are in one B3 trace with service3's`, async () => {
      await using shop = await startExample(folder, { DOWNSTREAM_URL: service3.url, ...viewer.env, ...onlyAtShutdown });
      const traceId = hex(32);
      const { body } = await get(shop.url, { 'X-B3-TraceId': traceId, 'X-B3-SpanId': hex(16), 'X-B3-Sampled': '1' });
      assert.deepEqual(body, { order: '7', downstream: { slept_ms: 1 } });
      shop.signalGroup(signal);
      shop.signalGroup(signal);
      assert.equal(await shop.exit, 0, shop.text.stderr);
      assert.equal(draw(await traceOf(viewer, traceId, 4)), joinedTrace);
    });
  }

  test(`examples/${folder}: the commented lines of otel.env send OTLP, and traceparent besides B3`, async () => {
    await using backend = await startRecorder();
    let received: IncomingHttpHeaders = {};
    await using downstream = await serve((req, res) => {
      received = req.headers;
      res.end('{}');
    });
    await using shop = await startExample(folder, {
      ...alternatives(folder),
      OTEL_EXPORTER_OTLP_ENDPOINT: backend.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      DOWNSTREAM_URL: downstream.url,
      ...onlyAtShutdown,
    });
    await get(shop.url);
    shop.signal('SIGTERM');
    assert.equal(await shop.exit, 0, shop.text.stderr);
    assert.deepEqual(backend.spans.map(({ name }) => name).sort(), ['GET', 'GET /orders/:id']);
    assert.equal(`${received.traceparent}`.split('-')[1], backend.spans[0]?.traceId);
    assert.equal(received['x-b3-traceid'], backend.spans[0]?.traceId);
  });
}

test('the examples that run on the newest packages have the versions of this project', () => {
  const { dependencies } = packageOf('.');
  for (const folder of ['examples/es-modules', 'examples/commonjs']) {
    for (const [name, version] of Object.entries(packageOf(folder).dependencies)) {
      assert.equal(version, dependencies[name], `${folder}: ${name}`);
    }
  }
});

test('otel.env is the same in every example', () => {
  for (const folder of examples)
    assert.equal(read(`examples/${folder}/otel.env`), read('examples/es-modules/otel.env'));
});

test('docs/your-service.md shows the files of the examples as they are', () => {
  const page = read('docs/your-service.md');
  for (const name of [
    'es-modules/telemetry.js',
    'es-modules/otel.env',
    'commonjs/telemetry.js',
    'older-node/telemetry.js',
  ]) {
    const block = `\`\`\`${name.endsWith('.js') ? 'js' : 'sh'}\n${read(`examples/${name}`)}\`\`\`\n`;
    assert.ok(page.includes(block), name);
  }
});

test('docs/your-service.md installs the packages of the examples, in their versions', () => {
  const page = read('docs/your-service.md').replace(/\s*\\\n\s*/g, ' '); // a command on one line
  const installed = [...page.matchAll(/npm install --save-exact (.*)/g)].map(([, names]) => names?.split(' '));
  const needed = examples.map((folder) => {
    const { express, ...packages } = packageOf(`examples/${folder}`).dependencies;
    return Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  });
  assert.deepEqual(installed, needed);
});
