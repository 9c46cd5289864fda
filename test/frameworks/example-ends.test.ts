// How a service with examples/telemetry.mjs ends: as without it, with its spans sent.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { startViewer, zipkinAt } from '../support/backends.ts';
import { disposeAfterTests } from '../support/dispose-after-tests.ts';
import { endAfter, forZipkin, onlyAtShutdown, programOf, startExample } from '../support/example.ts';
import { b3, hex } from '../support/http.ts';
import { sendLargeRequests } from '../support/large-requests.ts';
import { closedUrl, serve } from '../support/servers.ts';
import { draw, traceOf } from '../support/trace.ts';
import { unlessItHangs, until } from '../support/wait.ts';

const viewer = disposeAfterTests(await startViewer());
const toViewer = { OTEL_EXPORTER_OTLP_ENDPOINT: viewer.url };

for (const [what, statements, expected] of [
  ['exits at once', `process.on('SIGTERM', () => process.exit(3));`, 3],
  ['closes its server, then exits', `process.on('SIGTERM', () => server.close(() => process.exit(3)));`, 3],
  [
    'repeats the signal when it is done, as NestJS does',
    `process.on('SIGTERM', async function done() {
       await new Promise((resolve) => server.close(resolve));
       process.off('SIGTERM', done);
       process.kill(process.pid, 'SIGTERM');
     });`,
    0,
  ],
  ['only closes its server', `process.on('SIGTERM', () => server.close());`, 0],
] as const) {
  test(`the example, in a service whose SIGTERM handler ${what}: its spans arrive, and its exit code stays`, async () => {
    const { code, spans } = await endAfter('/ok', viewer, { statements, signal: 'SIGTERM' });
    assert.deepEqual([code, draw(spans)], [expected, 'SERVER shop get /ok route=/ok']);
  });
}

test('the example, in a service that waits for its requests at SIGTERM: the response is whole, and its spans arrive', async () => {
  const statements = `process.on('SIGTERM', () => { server.close(() => process.exit()); release(); });`;
  await using shop = await startExample({ ...toViewer, ...onlyAtShutdown }, programOf(statements));
  const traceId = hex(32);
  const response = fetch(`${shop.url}/held`, { headers: { ...b3(traceId), connection: 'close' } });
  await until('the request to be in flight', () => fetch(`${shop.url}/ok`).then(({ ok }) => ok));
  shop.signal('SIGTERM');
  assert.equal(await (await response).text(), 'whole');
  assert.equal(await unlessItHangs(shop.exit), 0);
  assert.equal(draw(await viewer.trace(traceId)), 'SERVER shop get /held route=/held');
});

for (const [handler, expected] of [
  ['server.close()', 0],
  ['process.exit(3)', 3],
] as const) {
  test(`the example stays out of the way of a service’s own handler of uncaught errors: ${handler}`, async () => {
    const { code, spans } = await endAfter('/crash', viewer, {
      statements: `process.on('uncaughtException', () => ${handler});`,
    });
    assert.deepEqual([code, spans.length], [expected, 1]);
  });
}

test('the example, in a cluster: SIGTERM to the primary, and the spans of its worker arrive', async () => {
  const file = 'node_modules/.cache/cluster.mjs'; // workers need a file, in reach of the packages
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `import cluster from 'node:cluster';
     import express from 'express';
     if (cluster.isPrimary) cluster.fork();
     else {
       const app = express().get('/ok', (req, res) => void res.end());
       const server = app.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port));
     }`,
  );
  await using shop = await startExample({ ...toViewer, ...onlyAtShutdown }, [`../${file}`]);
  const traceId = hex(32);
  await fetch(`${shop.url}/ok`, { headers: b3(traceId) });
  shop.signal('SIGTERM');
  assert.equal(draw(await traceOf(viewer, traceId, 1)), 'SERVER shop get /ok route=/ok');
});

test('the example: the spans of a service that ends by itself arrive', async () => {
  const { code, spans } = await endAfter('/end', viewer);
  assert.deepEqual([code, spans.length], [0, 1]);
});

const hangs = () => serve(() => {});
for (const [what, start, envFor] of [
  ['hangs (Zipkin’s format)', hangs, (url: string) => zipkinAt(url).env],
  ['hangs (OTLP)', hangs, (url: string) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url })],
  ['refuses connections (OTLP)', hangs, () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: closedUrl() })],
] as const) {
  test(`the example: a backend that ${what} does not delay the exit, and a line says that spans are lost`, async () => {
    await using backend = await start();
    const env = { ...envFor(backend.url), ...onlyAtShutdown, OTEL_BSP_EXPORT_TIMEOUT: '610000' };
    await using shop = await startExample(env, programOf());
    await fetch(`${shop.url}/ok`);
    shop.signal('SIGTERM');
    assert.equal(await unlessItHangs(shop.exit), 0);
    assert.match(shop.text.stderr, /^telemetry\.mjs: the last spans are lost: the backend took longer than 4 s\.$/m);
  });
}

for (const [format, env, backendAt] of [
  ['OTLP', {}, (url: string) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url })],
  ['Zipkin’s format', forZipkin(), (url: string) => zipkinAt(url).env],
] as const) {
  test(`the example: callers with the longest headers make no batch larger than gRPC’s 4 MiB, in ${format}`, async () => {
    const sizes: number[] = [];
    await using backend = await serve(async (req, res) => {
      let bytes = 0;
      for await (const chunk of req) bytes += chunk.length;
      sizes.push(bytes);
      res.end();
    });
    await using shop = await startExample({ ...env, ...backendAt(backend.url), ...onlyAtShutdown });
    await sendLargeRequests(shop.url, 250);
    shop.signal('SIGTERM');
    assert.equal(await shop.exit, 0, shop.text.stderr);
    const largest = Math.max(...sizes);
    assert.ok(sizes.length >= 3 && largest > 2e6 && largest < 4 * 2 ** 20, `${sizes}`);
  });
}
