import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import timers from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SpanStatusCode } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { RetryingZipkinExporter } from '../src/telemetry/retrying-zipkin-exporter.ts';
import { run } from './support/process.ts';
import { serve, serveTcp } from './support/servers.ts';
import { until } from './support/wait.ts';

const memory = new InMemorySpanExporter();
const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: memory })] }).getTracer(
  'test',
);
const span = tracer.startSpan('call', { attributes: { 'error.type': '503' } });
span.recordException(new Error('out of order'));
span.setStatus({ code: SpanStatusCode.ERROR });
span.end();
const spans = memory.getFinishedSpans();

const http = (status: string, headers = 'content-length: 0\r\n', body = '') =>
  `HTTP/1.1 ${status}\r\n${headers}\r\n${body}`;
const accepted = http('202 Accepted');

function exporterTo(url: string, timeoutMs: number) {
  process.env.OTEL_EXPORTER_ZIPKIN_ENDPOINT = url;
  return new RetryingZipkinExporter(timeoutMs);
}

/** Waits take no time: the clock goes forward at once. Returns the milliseconds of each wait. */
function skipWaits(t: TestContext): number[] {
  const waits: number[] = [];
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  t.mock.method(timers, 'setTimeout', async (ms = 0) => {
    waits.push(ms);
    now += ms;
  });
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  syncBuiltinESMExports(); // for modules that import setTimeout by its name
  return waits;
}

/** Exports one span to a backend that treats its connections, each with one POST, in turn as told; the last one repeats. */
async function exportTo(backend: ((socket: Socket) => void)[], { timeoutMs = 60_000, retry = true } = {}) {
  let body = '';
  let attempts = 0;
  await using server = await serveTcp((socket) => {
    const treat = backend[Math.min(attempts, backend.length - 1)];
    attempts++;
    socket.once('data', () => treat?.(socket));
    socket.on('data', (chunk) => {
      body += chunk;
    });
  });
  const exporter = exporterTo(`${server.url}/api/v2/spans`, timeoutMs);
  if (!retry) exporter.stopRetrying();
  const results: ExportResult[] = [];
  await new Promise<void>((resolve) =>
    exporter.export(spans, (result) => {
      results.push(result);
      resolve();
    }),
  );
  await exporter.shutdown(); // resolves only if no batch is kept
  assert.equal(results.length, 1, 'the result is reported once');
  const [{ code, error } = { code: undefined }] = results;
  return {
    ok: code === ExportResultCode.SUCCESS,
    error: error?.message ?? '',
    lostSpans: (error as { lostSpans?: number } | undefined)?.lostSpans,
    attempts,
    body,
  };
}
const respond = (text: string) => (socket: Socket) => void socket.end(text);
const repeat = (first: string, then: string) => (socket: Socket) => {
  socket.write(first);
  const timer = setInterval(() => socket.write(then), 20);
  socket.on('close', () => clearInterval(timer));
};

test('a 202 is a success after one attempt', async () => {
  const { ok, attempts } = await exportTo([respond(accepted)]);
  assert.deepEqual([ok, attempts], [true, 1]);
});

test('the error tag has the error.type, and the annotation the exception with its message and stack', async () => {
  const { body } = await exportTo([respond(accepted)]);
  assert.match(body, /"error":"503"/);
  assert.match(body, /\\"exception\\": \{.*\\"exception.message\\":\\"out of order\\".*exception.stacktrace/);
});

for (const [what, backend, reason] of [
  ['never responds', () => {}, /^no complete response within \d+ ms/],
  [
    'drips a byte now and then',
    repeat(http('202 Accepted', 'content-length: 99999\r\n'), '.'),
    /^no complete response within/,
  ],
  ['sends 102 again and again', repeat('', http('102 Processing', '')), /^no complete response within/],
  [
    'sends a body without an end',
    repeat(http('202 Accepted', 'transfer-encoding: chunked\r\n'), `4000\r\n${'x'.repeat(0x4000)}\r\n`),
    /^a response of more than 65536 bytes/,
  ],
  [
    'cuts its response',
    respond(http('202 Accepted', 'content-length: 10\r\n', 'x')),
    /^the connection closed before the response was complete/,
  ],
  [
    'switches protocols',
    repeat(http('101 Switching Protocols', 'connection: upgrade\r\nupgrade: x\r\n'), 'x'),
    /^the connection closed before/,
  ],
  ['closes the connection', (socket: Socket) => void socket.destroy(), /^socket hang up/],
  ['responds with garbage', respond('%%%\r\n\r\n'), /^Parse Error/],
  [
    'redirects',
    respond(http('302 Found', 'location: https://elsewhere.test/\r\ncontent-length: 0\r\n')),
    /^unexpected status 302/,
  ],
  ['responds 400', respond(http('400 Bad Request')), /^unexpected status 400/],
] as const) {
  test(`a backend that ${what} is a failure with its reason and the number of spans, and the batch is released`, async () => {
    const timeoutMs = reason.source.includes('within') ? 1000 : 60_000;
    const { ok, error, lostSpans, attempts } = await exportTo([backend], { timeoutMs, retry: false });
    assert.equal(ok, false);
    assert.match(error, reason);
    assert.equal(lostSpans, 1);
    assert.equal(attempts, 1);
  });
}

for (const status of ['302 Found', '400 Bad Request', '413 Payload Too Large']) {
  test(`${status} is not retried`, async (t) => {
    const waits = skipWaits(t);
    assert.equal((await exportTo([respond(http(status))], { timeoutMs: 5000 })).attempts, 1);
    assert.deepEqual(waits, []);
  });
}

for (const [what, first] of [
  ['503', respond(http('503 Service Unavailable'))],
  ['429', respond(http('429 Too Many Requests'))],
  ['a closed connection', (socket: Socket) => void socket.destroy()],
] as const) {
  test(`${what} is retried until the backend takes the batch`, async (t) => {
    skipWaits(t);
    const { ok, attempts } = await exportTo([first, first, respond(accepted)], { timeoutMs: 10_000 });
    assert.deepEqual([ok, attempts], [true, 3]);
  });
}

test('a response that is too long is not retried: the backend has the batch', async () => {
  const endless = repeat(http('202 Accepted', 'transfer-encoding: chunked\r\n'), `4000\r\n${'x'.repeat(0x4000)}\r\n`);
  assert.equal((await exportTo([endless], { timeoutMs: 5000 })).attempts, 1);
});

test('a response that is cut is retried', async (t) => {
  skipWaits(t);
  const cut = respond(http('202 Accepted', 'content-length: 10\r\n', 'x'));
  const { ok, attempts } = await exportTo([cut, respond(accepted)], { timeoutMs: 5000 });
  assert.deepEqual([ok, attempts], [true, 2]);
});

test('the wait before each attempt doubles, and varies by 20 % so that not all services return at the same moment', async (t) => {
  const busy = respond(http('503 Service Unavailable'));
  const waits = skipWaits(t);
  for (const random of [0, 0.5, 1]) {
    t.mock.method(Math, 'random', () => random);
    await exportTo([busy, busy, busy, respond(accepted)], { timeoutMs: 10_000 });
  }
  assert.deepEqual(waits.map(Math.round), [200, 400, 800, 250, 500, 1000, 300, 600, 1200]);
});

test('a backend that hangs is given up after 5 s, and the batch is sent again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] }); // of the attempt, not of the wait
  let posts = 0;
  await using server = await serveTcp((socket) =>
    socket.once('data', () => {
      if (++posts > 1) socket.end(accepted);
    }),
  );
  const exporter = exporterTo(server.url, 30_000);
  let code: ExportResultCode | undefined;
  exporter.export(spans, (result) => {
    code = result.code;
  });
  t.mock.timers.tick(4999);
  while (posts < 1) await new Promise(setImmediate);
  const isOpen = async () => posts === 1 && code === undefined;
  assert.ok(await isOpen());
  t.mock.timers.tick(1);
  while (code === undefined) await new Promise(setImmediate);
  assert.deepEqual([posts, code], [2, ExportResultCode.SUCCESS]);
});

test('a backend whose network drops every packet is given up at the deadline', async () => {
  // It listens, and its thread stands still: the kernel drops what comes after two connections.
  const script = `const server = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => {
    require('node:fs').writeSync(1, server.address().port + ' ');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  })`;
  await using frozen = run(process.execPath, ['-e', script], {});
  const port = await until('the port', () => frozen.text.stdout.match(/(\d+) /)?.[1]);
  const sockets: Socket[] = [];
  for (let isFull = false; !isFull; ) {
    const socket = connect(Number(port), '127.0.0.1');
    sockets.push(socket);
    const timeout = new Promise((resolve) => setTimeout(resolve, 300, true));
    isFull = (await Promise.race([once(socket, 'connect'), timeout])) === true;
  }
  const exporter = exporterTo(`http://127.0.0.1:${port}`, 1000);
  const { error } = await new Promise<ExportResult>((resolve) => exporter.export(spans, resolve));
  assert.match(`${error}`, /no complete response within \d+ ms/);
  for (const socket of sockets) socket.destroy();
});

test('200 responses that are cut leave nothing of their batches in memory, and the exporter stops at once', async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc');
  await using server = await serveTcp((socket) =>
    socket.once('data', () => socket.end(http('202 Accepted', 'content-length: 10\r\n', 'x'))),
  );
  const exporter = exporterTo(server.url, 1); // no retry
  const batches: WeakRef<object>[] = [];
  for (let i = 0; i < 200; i++) {
    const batch = [...spans];
    batches.push(new WeakRef(batch));
    await new Promise((resolve) => exporter.export(batch, resolve));
  }
  const waitForAll = t.mock.method(Promise, 'all');
  await exporter.shutdown();
  assert.equal(Array.from(waitForAll.mock.calls[0]?.arguments[0] ?? [0]).length, 0, 'nothing to wait for');
  await until('all batches but the last to be collected', () => {
    collectGarbage();
    return batches.filter((batch) => batch.deref()).length <= 1;
  });
});

test('other requests of the process are left alone', async () => {
  await using backend = await serve((_req, res) => res.writeHead(202).end());
  await using other = await serve((_req, res) => res.writeHead(302).end('x'.repeat(200_000)));
  const exporter = exporterTo(backend.url, 1000);
  const exported = new Promise<ExportResult>((resolve) => exporter.export(spans, resolve));
  const [response] = await once(get(other.url), 'response');
  let bytes = 0;
  for await (const chunk of response) bytes += chunk.length;
  assert.equal(bytes, 200_000);
  assert.equal((await exported).code, ExportResultCode.SUCCESS);
});

test('Retry-After is honored', async (t) => {
  const waits = skipWaits(t);
  const busy = respond(http('429 Too Many Requests', 'retry-after: 7\r\ncontent-length: 0\r\n'));
  const { ok, attempts } = await exportTo([busy, respond(accepted)], { timeoutMs: 10_000 });
  assert.deepEqual([ok, attempts, waits], [true, 2, [7000]]);
});

test('a Retry-After beyond the deadline is given up at once', async (t) => {
  const waits = skipWaits(t);
  const busy = respond(http('503 Service Unavailable', 'retry-after: 3600\r\ncontent-length: 0\r\n'));
  assert.deepEqual((await exportTo([busy])).attempts, 1);
  assert.deepEqual(waits, []);
});

test('a Retry-After of 0 does not make it retry without a pause', async (t) => {
  const waits = skipWaits(t);
  const busy = respond(http('503 Service Unavailable', 'retry-after: 0\r\ncontent-length: 0\r\n'));
  await exportTo([busy], { timeoutMs: 10_000 });
  assert.ok(Math.min(...waits) >= 200, `${waits}`);
});

test('retries end at the deadline', async (t) => {
  const waits = skipWaits(t);
  t.mock.method(Math, 'random', () => 0.5);
  const { ok, attempts } = await exportTo([respond(http('503 Service Unavailable'))], { timeoutMs: 20_000 });
  assert.deepEqual([ok, attempts, waits], [false, 8, [250, 500, 1000, 2000, 4000, 5000, 5000]]); // 17,750 ms; 5000 more are too many
});

for (const how of ['shutdown', 'forceFlush'] as const) {
  test(`${how} waits for a batch between two attempts`, async () => {
    let posts = 0;
    await using server = await serve((_req, res) => res.writeHead(++posts === 1 ? 503 : 202).end());
    const exporter = exporterTo(server.url, 10_000);
    let code: ExportResultCode | undefined;
    exporter.export(spans, (result) => {
      code = result.code;
    });
    await until('the first attempt', () => posts === 1);
    await exporter[how]();
    assert.deepEqual([posts, code], [2, ExportResultCode.SUCCESS]);
  });
}

test('stopRetrying ends the wait for the next attempt, which is the last', async () => {
  let posts = 0;
  await using server = await serve((_req, res) => {
    posts++;
    res.writeHead(503, { 'retry-after': '60' }).end();
    if (posts === 1) setTimeout(() => exporter.stopRetrying(), 50);
  });
  const exporter = exporterTo(server.url, 3_600_000);
  await new Promise((resolve) => exporter.export(spans, resolve));
  assert.equal(posts, 2);
});
