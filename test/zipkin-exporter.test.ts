import assert from 'node:assert/strict';
import dns from 'node:dns';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { connect, type LookupFunction, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import timers from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DiagConsoleLogger, DiagLogLevel, diag, SpanStatusCode } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, loggingErrorHandler, setGlobalErrorHandler } from '@opentelemetry/core';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { RetryingZipkinExporter } from '../src/telemetry/upstream/exporter-zipkin/retrying-zipkin-exporter.ts';
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
const spans = [...memory.getFinishedSpans()];

const http = (status: string, headers = 'content-length: 0\r\n', body = '') =>
  `HTTP/1.1 ${status}\r\n${headers}\r\n${body}`;
const accepted = http('202 Accepted');

/** Waits take no time: the clock goes forward at once. Returns the milliseconds of each wait. */
function skipWaits(t: TestContext): number[] {
  const waits: number[] = [];
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  t.mock.method(timers, 'setTimeout', async (ms = 0) => {
    waits.push(ms);
    now += ms;
    await new Promise(setImmediate);
  });
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  syncBuiltinESMExports(); // for modules that import setTimeout by its name
  return waits;
}

/**
 * Exports one span to a backend that treats its connections, each with one POST, in turn as told; the last one repeats.
 */
async function exportTo(
  backend: ((socket: Socket) => void)[],
  { timeoutMs = 60_000, retry = true, spans: batch = spans } = {},
) {
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
  const losses: { message: string; lostSpans?: number }[] = [];
  setGlobalErrorHandler((error) => losses.push(error as Error));
  const exporter = new RetryingZipkinExporter(`${server.url}/api/v2/spans`, timeoutMs);
  if (!retry) exporter.stopRetrying();
  const results: ExportResult[] = [];
  await new Promise<void>((resolve) =>
    exporter.export(batch, (result) => {
      results.push(result);
      resolve();
    }),
  );
  await exporter.shutdown(); // resolves only if no batch is kept
  setGlobalErrorHandler(loggingErrorHandler());
  // Never a failure: after one, BatchSpanProcessor would run two exports at a time.
  assert.deepEqual(results, [{ code: ExportResultCode.SUCCESS }]);
  assert.ok(losses.length <= 1);
  return { error: losses[0]?.message, lostSpans: losses[0]?.lostSpans ?? 0, attempts, body };
}
const respond = (text: string) => (socket: Socket) => void socket.end(text);
const repeat = (first: string, then: string) => (socket: Socket) => {
  socket.write(first);
  const timer = setInterval(() => socket.write(then), 20);
  socket.on('close', () => clearInterval(timer));
};

test('a 202 is a success after one attempt', async () => {
  const { lostSpans, attempts } = await exportTo([respond(accepted)]);
  assert.deepEqual([lostSpans, attempts], [0, 1]);
});

for (const [what, backend] of [
  ['drips', repeat(http('202 Accepted', 'content-length: 99999\r\n'), '.')],
  ['has no end', repeat(http('202 Accepted', 'transfer-encoding: chunked\r\n'), `4000\r\n${'x'.repeat(0x4000)}\r\n`)],
  ['is cut', respond(http('202 Accepted', 'content-length: 10\r\n', 'x'))],
] as const) {
  test(`a 202 whose body ${what} is a success too: the backend has the batch`, async () => {
    const { lostSpans, attempts } = await exportTo([backend]);
    assert.deepEqual([lostSpans, attempts], [0, 1]);
  });
}

test('the error tag has the error.type, and the annotation the exception with its message and stack', async () => {
  const { body } = await exportTo([respond(accepted)]);
  assert.match(body, /"error":"503"/);
  assert.match(body, /\\"exception\\": \{.*\\"exception.message\\":\\"out of order\\".*exception.stacktrace/);
});

for (const [what, backend, reason] of [
  ['never responds', () => {}, /^no response within \d+ ms$/],
  ['drips its headers', repeat('HTTP/1.1 202 Accepted\r\n', 'x-more: x\r\n'), /^no response within \d+ ms$/],
  ['sends 102 again and again', repeat('', http('102 Processing', '')), /^no response within \d+ ms$/],
  ['switches protocols', respond(http('101 Switching Protocols', 'connection: upgrade\r\nupgrade: x\r\n')), /./],
  ['closes the connection', (socket: Socket) => void socket.destroy(), /hang up|ECONNRESET/],
  ['responds with garbage', respond('%%%\r\n\r\n'), /./],
  [
    'redirects',
    respond(http('302 Found', 'location: https://elsewhere.test/\r\ncontent-length: 0\r\n')),
    /^unexpected status 302$/,
  ],
  ['responds 400', respond(http('400 Bad Request')), /^unexpected status 400$/],
] as const) {
  test(`a backend that ${what}: the loss is reported with its reason and the number of spans, and the batch is released`, async () => {
    const timeoutMs = reason.source.includes('within') ? 1000 : 60_000;
    const { error, lostSpans, attempts } = await exportTo([backend], { timeoutMs, retry: false });
    assert.match(`${error}`, reason);
    assert.deepEqual([lostSpans, attempts], [1, 1]);
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
    const { lostSpans, attempts } = await exportTo([first, first, respond(accepted)], { timeoutMs: 10_000 });
    assert.deepEqual([lostSpans, attempts], [0, 3]);
  });
}

test('the wait before each attempt doubles, and varies by 20% so that not all services return at the same moment', async (t) => {
  const busy = respond(http('503 Service Unavailable'));
  const waits = skipWaits(t);
  for (const random of [0, 0.5, 1]) {
    t.mock.method(Math, 'random', () => random);
    await exportTo([busy, busy, busy, respond(accepted)], { timeoutMs: 10_000 });
  }
  assert.deepEqual(waits.map(Math.round), [200, 400, 800, 250, 500, 1000, 300, 600, 1200]);
});

/** The limits of attempts, which expire only when told to. */
function holdLimits(t: TestContext) {
  const limits: { ms: number; expire: () => void }[] = [];
  t.mock.method(globalThis, 'setTimeout', (expire: () => void, ms: number) => void limits.push({ ms, expire }));
  return limits;
}

test('a backend that hangs is given up after 5 s, and the batch is sent again', async (t) => {
  const limits = holdLimits(t);
  const hang = () => limits[0]?.expire();
  const { lostSpans } = await exportTo([hang, respond(accepted)], { timeoutMs: 30_000 });
  assert.deepEqual([limits.map(({ ms }) => ms), lostSpans], [[5000, 5000], 0]);
});

test('attempts share one lookup of the host’s name, and open no connection before it ends', async (t) => {
  let posts = 0;
  await using server = await serve((_req, res) => {
    posts++;
    res.writeHead(202).end();
  });
  skipWaits(t);
  const limits = holdLimits(t);
  let found = () => {};
  const lookup = t.mock.method(dns, 'lookup', (...[, , done]: Parameters<LookupFunction>) => {
    found = () => done(null, [{ address: '127.0.0.1', family: 4 }]);
  });
  syncBuiltinESMExports();
  const exporter = new RetryingZipkinExporter(server.url.replace('127.0.0.1', 'zipkin.test'), 60_000);
  const exported = new Promise((resolve) => exporter.export(spans, resolve));
  for (const attempt of [0, 1, 2]) {
    await until('an attempt', () => limits[attempt]);
    limits[attempt]?.expire();
  }
  await until('the next attempt', () => limits[3]);
  assert.deepEqual([lookup.mock.callCount(), posts], [1, 0]);
  found();
  await exported;
  assert.deepEqual([lookup.mock.callCount(), posts], [1, 1]);
});

test('a name that does not exist is a failure with its reason', async () => {
  const losses: Error[] = [];
  setGlobalErrorHandler((error) => losses.push(error as Error));
  const exporter = new RetryingZipkinExporter('http://a..b:9411/', 60_000);
  exporter.stopRetrying();
  await new Promise((resolve) => exporter.export(spans, resolve));
  assert.match(`${losses}`, /getaddrinfo .*a\.\.b/);
});

test('a span that can’t be converted is lost alone, with the reason', async () => {
  const broken = Object.create(spans[0] ?? null, {
    attributes: {
      get() {
        throw new Error('no attributes');
      },
    },
  });
  const { error, lostSpans, body } = await exportTo([respond(accepted)], { spans: [broken, ...spans] });
  assert.deepEqual([error, lostSpans], ['no attributes', 1]);
  assert.match(body, /"error":"503"/);
  assert.equal((await exportTo([respond(accepted)], { spans: [broken] })).attempts, 0);
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
  const losses: Error[] = [];
  setGlobalErrorHandler((error) => losses.push(error as Error));
  const exporter = new RetryingZipkinExporter(`http://127.0.0.1:${port}`, 1000);
  await new Promise<ExportResult>((resolve) => exporter.export(spans, resolve));
  assert.match(`${losses}`, /no response within \d+ ms/);
  for (const socket of sockets) socket.destroy();
});

test('200 batches whose response never comes or is cut leave nothing in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc');
  let posts = 0;
  await using server = await serveTcp((socket) =>
    socket.once('data', () => socket.end(posts++ % 2 ? http('202 Accepted', 'content-length: 10\r\n', 'x') : '')),
  );
  setGlobalErrorHandler(() => {});
  const exporter = new RetryingZipkinExporter(server.url, 60_000);
  exporter.stopRetrying();
  const batches: WeakRef<object>[] = [];
  for (let i = 0; i < 200; i++) {
    const batch = [...spans];
    batches.push(new WeakRef(batch));
    await new Promise((resolve) => exporter.export(batch, resolve));
  }
  await exporter.shutdown();
  await until('all batches but the last to be collected', () => {
    collectGarbage();
    return batches.filter((batch) => batch.deref()).length <= 1;
  });
});

test('Retry-After is honored', async (t) => {
  const waits = skipWaits(t);
  const busy = respond(http('429 Too Many Requests', 'retry-after: 7\r\ncontent-length: 0\r\n'));
  const { lostSpans, attempts } = await exportTo([busy, respond(accepted)], { timeoutMs: 10_000 });
  assert.deepEqual([lostSpans, attempts, waits], [0, 2, [7000]]);
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
  const { lostSpans, attempts } = await exportTo([respond(http('503 Service Unavailable'))], { timeoutMs: 20_000 });
  // 17,750 ms; 5000 more are too many
  assert.deepEqual([lostSpans, attempts, waits], [1, 8, [250, 500, 1000, 2000, 4000, 5000, 5000]]);
});

for (const how of ['shutdown', 'forceFlush'] as const) {
  test(`${how} waits for a batch between two attempts`, async () => {
    let posts = 0;
    await using server = await serve((_req, res) => res.writeHead(++posts === 1 ? 503 : 202).end());
    const exporter = new RetryingZipkinExporter(server.url, 10_000);
    let isDone = false;
    exporter.export(spans, () => {
      isDone = true;
    });
    await until('the first attempt', () => posts === 1);
    await exporter[how]();
    assert.deepEqual([posts, isDone], [2, true]);
  });
}

test('stopRetrying ends the wait for the next attempt, which is the last', async () => {
  let posts = 0;
  await using server = await serve((_req, res) => {
    posts++;
    res.writeHead(503, { 'retry-after': '60' }).end();
    if (posts === 1) setTimeout(() => exporter.stopRetrying(), 50);
  });
  setGlobalErrorHandler(() => {});
  const exporter = new RetryingZipkinExporter(server.url, 3_600_000);
  await new Promise((resolve) => exporter.export(spans, resolve));
  assert.equal(posts, 2);
});

test('user name and password of the endpoint are sent as a header', async () => {
  let authorization: string | undefined;
  await using server = await serve((req, res) => {
    ({ authorization } = req.headers);
    res.writeHead(202).end();
  });
  const url = server.url.replace('http://', 'http://ann%40shop:p%3Aw@');
  await new Promise((resolve) => new RetryingZipkinExporter(url, 60_000).export(spans, resolve));
  assert.equal(authorization, `Basic ${Buffer.from('ann@shop:p:w').toString('base64')}`);
});

test('through a proxy, by names that only the proxy can look up: http with user name and password, https by CONNECT', async () => {
  const requests: string[] = [];
  await using proxy = await serveTcp((socket) => {
    socket.once('data', (chunk) => {
      const [line, ...headers] = `${chunk}`.split('\r\n');
      requests.push(`${line} ${headers.find((header) => /^authorization/i.test(header)) ?? ''}`.trim());
      socket.end(accepted);
    });
  });
  const script = `
    import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
    import { RetryingZipkinExporter } from './src/telemetry/upstream/exporter-zipkin/retrying-zipkin-exporter.ts';
    const memory = new InMemorySpanExporter();
    const spanProcessors = [new SimpleSpanProcessor({ exporter: memory })];
    new TracerProvider({ spanProcessors }).getTracer('test').startSpan('call').end();
    for (const url of ['http://ann:pw@zipkin.test:9411/spans', 'https://zipkin.test/spans']) {
      const exporter = new RetryingZipkinExporter(url, 60_000);
      exporter.stopRetrying();
      await new Promise((resolve) => exporter.export(memory.getFinishedSpans(), resolve));
    }`;
  const settings = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
  await using child = run(process.execPath, ['--input-type=module', '-e', script], settings);
  assert.equal(await child.exit, 0, child.text.stderr);
  assert.deepEqual(requests, [
    'POST http://zipkin.test:9411/spans HTTP/1.1 Authorization: Basic YW5uOnB3',
    'CONNECT zipkin.test:443 HTTP/1.1',
  ]);
});

test('a backend that closes an idle connection just when it is used again: the batch is sent on a new one, at once', async (t) => {
  const waits = skipWaits(t);
  const sockets = new Set<Socket>();
  let requests = 0;
  await using server = await serveTcp((socket) => {
    sockets.add(socket);
    socket.on('data', () => {
      requests++;
      if (requests === 2) socket.resetAndDestroy();
      else socket.write(accepted);
    });
  });
  const exporter = new RetryingZipkinExporter(server.url, 60_000);
  for (const _ of [1, 2]) await new Promise((resolve) => exporter.export(spans, resolve));
  assert.deepEqual([sockets.size, requests, waits], [2, 3, []]);
});

/** A span whose name takes that many bytes in JSON. */
function spanOf(bytes: number): ReadableSpan {
  tracer.startSpan('"'.repeat(bytes / 2)).end();
  return memory.getFinishedSpans().at(-1) as ReadableSpan;
}

test('a batch above 10 MB is sent in parts, each below that, and in order', async () => {
  const bodies: string[] = [];
  await using server = await serve(async (req, res) => {
    bodies.push(await text(req));
    res.writeHead(202).end();
  });
  const batch = Array.from({ length: 13 }, () => spanOf(2_000_000));
  await new Promise((resolve) => new RetryingZipkinExporter(server.url, 60_000).export(batch, resolve));
  assert.deepEqual(
    bodies.map((body) => JSON.parse(body).length),
    [4, 4, 4, 1],
  );
  assert.ok(bodies.every((body) => Buffer.byteLength(body) < 10_000_000));
});

test('a span above 10 MB is lost alone, and the reason has its size', async () => {
  const { error, lostSpans, body } = await exportTo([respond(accepted)], { spans: [...spans, spanOf(10_000_000)] });
  assert.match(`${error}`, /^a span of 10\d{6} bytes is too large for Zipkin$/);
  assert.equal(lostSpans, 1);
  assert.match(body, /"name":"call"/);
});

test('at the level debug, a delivery is logged with its destination, without credentials, and with spans, bytes and status', async (t) => {
  const messages: string[] = [];
  diag.setLogger({ ...new DiagConsoleLogger(), debug: (message) => messages.push(message) }, DiagLogLevel.DEBUG);
  t.after(() => diag.disable());
  await using server = await serve((_req, res) => res.writeHead(202).end());
  const url = server.url.replace('http://', 'http://ann:pw@');
  await new Promise((resolve) => new RetryingZipkinExporter(`${url}/spans?key=1`, 60_000).export(spans, resolve));
  assert.match(`${messages.at(-1)}`, RegExp(`^sent 1 spans \\(\\d+ bytes\\) to ${server.url}/spans: status 202$`));
});
