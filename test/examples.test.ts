import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { alternatives, startExample } from './support/example.ts';
import { b3, get, hex } from './support/http.ts';
import { startRecorder } from './support/recorder.ts';
import { serve } from './support/servers.ts';
import { startService } from './support/services.ts';
import { draw, traceOf } from './support/trace.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const { express, ...packages } = JSON.parse(read('examples/package.json')).dependencies;

const viewer = disposeAfterTests(await startViewer());
const service3 = disposeAfterTests(await startService('service3', { SERVICE3_SLEEP_MS: '1', ...viewer.env }));
const joinedTrace = `
SERVER shop get /orders/:id route=/orders/:id
  CLIENT shop get
    SERVER service3 get / route=/
      - service3 sleep_service3`.trim();

// The next batch is a minute away: spans arrive because the signal sends them. A terminal and npm may both deliver it.
const onlyAtShutdown = { OTEL_BSP_SCHEDULE_DELAY: '60000' };

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`the example: ${signal} sends its spans, which are in one B3 trace with service3's`, async () => {
    await using shop = await startExample({ DOWNSTREAM_URL: service3.url, ...viewer.env, ...onlyAtShutdown });
    const traceId = hex(32);
    const { body } = await get(shop.url, { ...b3(traceId), 'user-agent': 'x'.repeat(15_000) });
    assert.deepEqual(body, { order: '7', downstream: { slept_ms: 1 } });
    shop.signalGroup(signal);
    shop.signalGroup(signal);
    assert.equal(await shop.exit, 0, shop.text.stderr);
    const spans = await traceOf(viewer, traceId, 4);
    assert.equal(draw(spans), joinedTrace);
    assert.equal(spans.find(({ name }) => name === 'get /orders/:id')?.tags?.['user_agent.original']?.length, 4096);
  });
}

test('the example’s telemetry.mjs traces CommonJS, too', async () => {
  const app = read('examples/app.js').replace("import express from 'express'", "const express = require('express')");
  const program = ['--input-type=commonjs', '-e', app];
  await using shop = await startExample({ DOWNSTREAM_URL: service3.url, ...viewer.env }, program);
  const traceId = hex(32);
  await get(shop.url, b3(traceId));
  shop.signal('SIGTERM');
  assert.equal(await shop.exit, 0, shop.text.stderr);
  assert.equal(draw(await traceOf(viewer, traceId, 4)), joinedTrace);
});

test('the commented lines of the example’s otel.env send OTLP, and traceparent besides B3', async () => {
  await using backend = await startRecorder();
  let received: IncomingHttpHeaders = {};
  await using downstream = await serve((req, res) => {
    received = req.headers;
    res.end('{}');
  });
  await using shop = await startExample({
    ...alternatives(),
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

test('the example has the packages of this project, in their versions', () => {
  const { dependencies } = JSON.parse(read('package.json'));
  for (const [name, version] of Object.entries({ express, ...packages }))
    assert.equal(version, dependencies[name], name);
});

test('docs/your-service.md shows the files of the example as they are', () => {
  const page = read('docs/your-service.md');
  assert.ok(page.includes(`\`\`\`js\n${read('examples/telemetry.mjs')}\`\`\`\n`), 'telemetry.mjs');
  assert.ok(page.includes(`\`\`\`sh\n${read('examples/otel.env')}\`\`\`\n`), 'otel.env');
});

test('docs/your-service.md installs the packages of the example, in their versions', () => {
  const page = read('docs/your-service.md').replace(/\s*\\\n\s*/g, ' '); // a command on one line
  const [, installed] = page.match(/npm install --save-exact (.*)/) ?? [];
  const needed = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  assert.deepEqual(installed?.split(' '), needed);
});
