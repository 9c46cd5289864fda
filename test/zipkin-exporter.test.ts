import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { SpanStatusCode } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { RetryingZipkinExporter } from '../src/telemetry/zipkin-exporter.ts';
import { serveTcp } from './support/servers.ts';

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

/** Exports one span to a backend that treats its connections, each with one POST, in turn as told; the last one repeats. */
async function exportTo(backend: ((socket: Socket) => void)[], { timeoutMs = 1000, retry = true } = {}) {
  let body = '';
  let attempts = 0;
  await using server = await serveTcp((socket) => {
    const treat = backend[Math.min(attempts++, backend.length - 1)];
    socket.once('data', () => treat?.(socket));
    socket.on('data', (chunk) => {
      body += chunk;
    });
  });
  process.env.OTEL_EXPORTER_ZIPKIN_ENDPOINT = `${server.url}/api/v2/spans`;
  const exporter = new RetryingZipkinExporter(timeoutMs);
  if (!retry) exporter.stopRetrying();
  const start = performance.now();
  const result = await new Promise<ExportResult>((resolve) => exporter.export(spans, resolve));
  await exporter.shutdown(); // resolves only if no batch is kept
  return {
    ok: result.code === ExportResultCode.SUCCESS,
    error: result.error?.message ?? '',
    attempts,
    body,
    ms: performance.now() - start,
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
    /^no complete response/,
  ],
  ['sends 102 again and again', repeat('', http('102 Processing', '')), /^no complete response/],
  [
    'sends a body without an end',
    repeat(http('202 Accepted', 'transfer-encoding: chunked\r\n'), `4000\r\n${'x'.repeat(0x4000)}\r\n`),
    /^a response of more than 65536 bytes/,
  ],
  ['cuts its response', respond(http('202 Accepted', 'content-length: 10\r\n', 'x')), /^the response was cut short/],
  ['closes the connection', (socket: Socket) => void socket.destroy(), /^socket hang up/],
  ['responds with garbage', respond('%%%\r\n\r\n'), /^Parse Error/],
  [
    'redirects',
    respond(http('302 Found', 'location: https://elsewhere.test/\r\ncontent-length: 0\r\n')),
    /^unexpected status 302/,
  ],
  ['responds 400', respond(http('400 Bad Request')), /^unexpected status 400/],
] as const) {
  test(`a backend that ${what} is a failure with its reason, and the batch is released`, async () => {
    const { ok, error, attempts } = await exportTo([backend], { retry: false });
    assert.equal(ok, false);
    assert.match(error, reason);
    assert.match(error, /\(1 spans lost since the start\)$/);
    assert.equal(attempts, 1);
  });
}

for (const status of ['302 Found', '400 Bad Request', '413 Payload Too Large']) {
  test(`${status} is not retried`, async () => {
    assert.equal((await exportTo([respond(http(status))], { timeoutMs: 5000 })).attempts, 1);
  });
}

for (const [what, first] of [
  ['503', respond(http('503 Service Unavailable'))],
  ['429', respond(http('429 Too Many Requests'))],
  ['a closed connection', (socket: Socket) => void socket.destroy()],
] as const) {
  test(`${what} is retried until the backend takes the batch`, async () => {
    const { ok, attempts } = await exportTo([first, first, respond(accepted)], { timeoutMs: 10_000 });
    assert.deepEqual([ok, attempts], [true, 3]);
  });
}

test('Retry-After is honored', async () => {
  const busy = respond(http('429 Too Many Requests', 'retry-after: 1\r\ncontent-length: 0\r\n'));
  const { ok, attempts, ms } = await exportTo([busy, respond(accepted)], { timeoutMs: 10_000 });
  assert.deepEqual([ok, attempts], [true, 2]);
  assert.ok(ms >= 990, `${ms} ms`);
});

test('a Retry-After beyond the deadline is given up at once', async () => {
  const busy = respond(http('503 Service Unavailable', 'retry-after: 3600\r\ncontent-length: 0\r\n'));
  assert.deepEqual((await exportTo([busy])).attempts, 1);
});

test('retries end at the deadline', async () => {
  const { ok, attempts } = await exportTo([respond(http('503 Service Unavailable'))]);
  assert.equal(ok, false);
  assert.ok(attempts > 1 && attempts < 5, `${attempts} attempts`);
});

test('stopRetrying ends the wait for the next attempt, which is the last', async () => {
  let posts = 0;
  await using server = await serveTcp((socket) => {
    socket.once('data', () => {
      posts++;
      socket.end(http('503 Service Unavailable', 'retry-after: 60\r\ncontent-length: 0\r\n'));
      if (posts === 1) setImmediate(() => exporter.stopRetrying());
    });
  });
  process.env.OTEL_EXPORTER_ZIPKIN_ENDPOINT = `${server.url}/`;
  const exporter = new RetryingZipkinExporter(3_600_000);
  await new Promise((resolve) => exporter.export(spans, resolve));
  assert.equal(posts, 2);
});
