import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { parseEnv } from 'node:util';
import type { ServiceName } from '../src/services.ts';
import { startViewer, zipkinAt } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { endAfter, forZipkin, onlyAtShutdown, programOf, runExample, startExample } from './support/example.ts';
import { b3, get, hex } from './support/http.ts';
import { serve, serveTcp } from './support/servers.ts';
import { spansLeaveSoon, startService } from './support/services.ts';
import { draw, failedTrace, goodTrace, traceOf } from './support/trace.ts';
import { unlessItHangs, until } from './support/wait.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const { express, ...packages } = JSON.parse(read('examples/package.json')).dependencies;

const viewer = disposeAfterTests(await startViewer());
const service3 = disposeAfterTests(await startService('service3', { SERVICE3_SLEEP_MS: '1', ...viewer.env }));
/** The only variable of the example's otel.env that is not as it is used: the port. */
const toViewer = { OTEL_EXPORTER_OTLP_ENDPOINT: viewer.url };
const joinedTrace = `
SERVER shop get /orders/:id route=/orders/:id
  CLIENT shop get
    SERVER service3 get / route=/
      - service3 sleep_service3`.trim();

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`the example: ${signal} sends its spans, which are in one B3 trace with service3's`, async () => {
    await using shop = await startExample({ DOWNSTREAM_URL: service3.url, ...toViewer, ...onlyAtShutdown });
    const traceId = hex(32);
    const { body } = await get(shop.url, { ...b3(traceId), 'user-agent': 'x'.repeat(15_000) });
    assert.deepEqual(body, { order: '7', downstream: { slept_ms: 1 } });
    shop.signalGroup(signal);
    shop.signalGroup(signal); // a terminal and npm may both deliver it
    assert.equal(await shop.exit, 0, shop.text.stderr);
    const spans = await traceOf(viewer, traceId, 4);
    assert.equal(draw(spans), joinedTrace);
    assert.equal(spans.find(({ name }) => name === 'get /orders/:id')?.tags?.['user_agent.original']?.length, 4096);
  });
}

test('the example’s telemetry.mjs traces CommonJS, too', async () => {
  const app = read('examples/app.js').replace("import express from 'express'", "const express = require('express')");
  const commonJs = ['--input-type=commonjs', '-e', app];
  await using shop = await startExample({ DOWNSTREAM_URL: service3.url, ...toViewer }, commonJs);
  const traceId = hex(32);
  await get(shop.url, b3(traceId));
  shop.signal('SIGTERM');
  assert.equal(await shop.exit, 0, shop.text.stderr);
  assert.equal(draw(await traceOf(viewer, traceId, 4)), joinedTrace);
});

test('the example: an uncaught error is printed, its spans arrive, exit 1', async () => {
  const { code, spans, stderr } = await endAfter('/crash', viewer);
  assert.deepEqual([code, draw(spans)], [1, 'SERVER shop get /crash route=/crash']);
  assert.match(stderr, /Error: the cause\n\s+at /);
});

test('the example: control characters in the status line of an OTLP backend do not reach the terminal', async () => {
  await using backend = await serveTcp((socket) =>
    socket.once('data', () =>
      socket.end(Buffer.from('HTTP/1.1 400 \x1b]0;title\x07\x9b31m\r\ncontent-length: 0\r\n\r\n', 'latin1')),
    ),
  );
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: backend.url, ...spansLeaveSoon };
  await using shop = await startExample(env, programOf());
  await fetch(`${shop.url}/ok`);
  await until('the line of the SDK’s logger', () => shop.text.stderr.includes('title'));
  await fetch(`${shop.url}/ok`);
  shop.signal('SIGTERM');
  assert.equal(await unlessItHangs(shop.exit), 0);
  assert.doesNotMatch(shop.text.stderr, /(?!\n)\p{Cc}/u);
});

test('the example: routes of Express are patterns, and no span is added for a router', async () => {
  const statements = `
    const ok = (req, res) => void res.end();
    app.use('/v1', express.Router().get('/a/:id', ok));
    app.use('/v1', express.Router().get('/b/:id', ok).use('/deep/:x', express.Router().get('/c', ok)));
    app.use('/v1', express.Router().get('/fails/:id', () => { throw new Error('no'); }));
    app.use('/mounted/:x', express().get('/d', ok));
    app.get('/', ok).all('/{*splat}', ok);`;
  await using shop = await startExample({ ...toViewer, ...spansLeaveSoon }, programOf(statements));
  for (const [path, route] of [
    ['/v1/a/7', '/v1/a/:id'],
    ['/v1/b/7?a=b', '/v1/b/:id'],
    ['/V1/deep/7/C', '/v1/deep/:x/c'],
    ['/v1/fails/7', '/v1/fails/:id'],
    ['/mounted/7/d', '/mounted/:x/d'],
    ['/', '/'],
    ['/?a=b', '/'],
    ['/no/such/route', '/{*splat}'],
  ]) {
    const traceId = hex(32);
    await (await fetch(shop.url + path, { headers: b3(traceId) })).text();
    const [line, ...others] = draw(await traceOf(viewer, traceId, 1)).split('\n');
    assert.equal(line?.replace(' error=500', ''), `SERVER shop get ${route} route=${route}`);
    assert.deepEqual(others, []);
  }
});

test('the example: in Zipkin’s format, a 500 is red, and so are errors without a message: a call refused by two addresses, a span by hand', async () => {
  const statements = `
    const [{ default: dns }, { trace }] = [await import('node:dns'), await import('@opentelemetry/api')];
    const addresses = [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }];
    dns.lookup = (name, options, callback) => callback(null, addresses);
    app.get('/refused', async (req, res) => {
      trace.getTracer('shop').startSpan('by hand').setStatus({ code: 2 }).end();
      await fetch('http://two.test:2').catch(() => {});
      await new Promise((resolve) => request('http://two.test:2').on('error', resolve).end());
      await (await fetch(service + '/throws')).text();
      res.end();
    });`;
  const { spans } = await endAfter('/refused', viewer, { statements, env: viewer.env, signal: 'SIGTERM' });
  assert.equal(
    draw(spans),
    `
SERVER shop get /refused route=/refused
  - shop by hand error=failed
  CLIENT shop get error=ECONNREFUSED
  CLIENT shop get error=AggregateError
  CLIENT shop get error=500
    SERVER shop get /throws route=/throws error=500`.trim(),
  );
});

test('the demo with the example’s telemetry.mjs in place of its own: the same traces, in red where they are, and exit 0', async () => {
  const { OTEL_PROPAGATORS } = parseEnv(read('examples/otel.env'));
  const forAll = {
    ...viewer.env,
    OTEL_PROPAGATORS: `${OTEL_PROPAGATORS}`,
    SERVICE3_SLEEP_MS: '0',
    INTENTIONAL_FAILURE_PCT: '0',
  };
  const start = (name: ServiceName, env: Record<string, string> = {}) =>
    startService(name, { ...forAll, OTEL_SERVICE_NAME: name, ...env }, { telemetry: './examples/telemetry.mjs' });
  await using service3 = await start('service3');
  const SERVICE3_URL = service3.url;
  await using service2 = await start('service2', { SERVICE3_URL });
  await using service1 = await start('service1', { SERVICE3_URL, SERVICE2_URL: service2.url });
  const traceIds = [hex(32), hex(32)] as const;
  await get(service1.url, b3(traceIds[0]));
  await get(`${service1.url}/?failure_pct=100`, b3(traceIds[1]));
  for (const service of [service1, service2, service3]) {
    service.signal('SIGTERM');
    assert.equal(await unlessItHangs(service.exit), 0, service.text.stderr);
  }
  assert.equal(draw(await viewer.trace(traceIds[0])), goodTrace);
  assert.equal(draw(await viewer.trace(traceIds[1])), failedTrace);
});

test('the example: a 500 is red, also in its caller; a call by the named import of node:http is traced', async () => {
  const { spans } = await endAfter('/calls', viewer, { signal: 'SIGTERM' });
  assert.equal(
    draw(spans),
    `
SERVER shop get /calls route=/calls
  CLIENT shop get error=500
    SERVER shop get /throws route=/throws error=500
  CLIENT shop get
    SERVER shop get /ok route=/ok`.trim(),
  );
});

test('the example: no OTEL_SERVICE_NAME, and a Zipkin endpoint without a path, are a line on stderr each', async () => {
  const wrong = { OTEL_SERVICE_NAME: '', OTEL_EXPORTER_ZIPKIN_ENDPOINT: 'http://localhost:9411' };
  await using shop = runExample({ ...viewer.env, ...wrong }, ['-e', '0']);
  await shop.exit;
  const [name = '', path = '', ...others] = shop.text.stderr.trimEnd().split('\n');
  assert.match(name, /^telemetry\.mjs: OTEL_SERVICE_NAME is not set\./);
  assert.match(path, /^telemetry\.mjs: OTEL_EXPORTER_ZIPKIN_ENDPOINT has no path\./);
  assert.deepEqual(others, []);
});

test('the example’s app.js: a taken port is an error that says so', async () => {
  await using other = await serve(() => {});
  await using shop = runExample({ PORT: new URL(other.url).port, ...viewer.env });
  assert.equal(await unlessItHangs(shop.exit), 1);
  assert.match(shop.text.stderr, /EADDRINUSE/);
});

for (const [format, env, backendAt] of [
  ['OTLP, as it is', {}, (url: string) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: url })],
  ['Zipkin’s format, with its commented lines', forZipkin(), (url: string) => zipkinAt(url).env],
] as const) {
  test(`the example’s otel.env sends ${format}, and traceparent beside B3`, async () => {
    await using viewer = await startViewer();
    let received: IncomingHttpHeaders = {};
    await using downstream = await serve((req, res) => {
      received = req.headers;
      res.end('{}');
    });
    await using shop = await startExample({
      ...env,
      ...backendAt(viewer.url),
      DOWNSTREAM_URL: downstream.url,
      ...onlyAtShutdown,
    });
    const traceId = hex(32);
    await get(shop.url, { traceparent: `00-${traceId}-${hex(16)}-01` });
    shop.signal('SIGTERM');
    assert.equal(await shop.exit, 0, shop.text.stderr);
    assert.equal(draw(await viewer.trace(traceId)), 'SERVER shop get /orders/:id route=/orders/:id\n  CLIENT shop get');
    assert.equal(`${received.traceparent}`.split('-')[1], traceId);
    assert.equal(received['x-b3-traceid'], traceId);
  });
}

test('the example has the packages of this project, in their versions', () => {
  const { dependencies } = JSON.parse(read('package.json'));
  for (const [name, version] of Object.entries({ express, ...packages }))
    assert.equal(version, dependencies[name], name);
});

test('docs/your-service.md installs the packages of the example, in their versions', () => {
  const page = read('docs/your-service.md').replace(/\s*\\\n\s*/g, ' '); // a command on one line
  const [, installed] = page.match(/npm install --save-exact (.*)/) ?? [];
  const needed = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  assert.deepEqual(installed?.split(' '), needed);
});
