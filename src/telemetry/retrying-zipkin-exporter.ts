import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { toZipkinFormat } from './to-zipkin-format.ts';

type Spans = Parameters<ZipkinExporter['export']>[0];
type Failure = Partial<Error & { code: string; status: number; retryAfterMs: number }>;

const attemptMs = 5000;
const maxDelayMs = 5000;
const maxResponseBytes = 65_536;

/**
 * A ZipkinExporter with timeouts, retries and a limit on the response. exporter-zipkin 3.1.0 (src/platform/node/util.ts) never retries, has no timeout,
 * collects a response of any length, takes a redirect for success, and does not notice that a response was cut short.
 * Remove `#attempt` and `limit` when it has timeouts and checks responses, `#send` when it retries. That may never happen: Zipkin exporters are deprecated (https://github.com/open-telemetry/opentelemetry-specification/pull/4715).
 */
export class RetryingZipkinExporter extends ZipkinExporter {
  readonly #timeoutMs: number;
  readonly #stopping = new AbortController();
  readonly #unfinished = new Set<Promise<void>>();

  /**
   * @param timeoutMs how long a batch may take, all of its attempts included, in milliseconds. Set OTEL_BSP_EXPORT_TIMEOUT to more:
   * when it expires, BatchSpanProcessor starts a second export while the first is running, and reports the first as lost.
   */
  constructor(timeoutMs: number) {
    super();
    this.#timeoutMs = timeoutMs;
  }

  override export(spans: Spans, done: (result: ExportResult) => void): void {
    const finished = this.#send(spans.map(toZipkinFormat)).then(({ code, error = {} }) => {
      this.#unfinished.delete(finished);
      if (code === ExportResultCode.SUCCESS) return done({ code });
      const { message, code: reason } = error as Failure; // an AggregateError has no message
      done({ code, error: Object.assign(new Error(message || reason), { lostSpans: spans.length }) });
    });
    this.#unfinished.add(finished);
  }

  /**
   * Limits each batch to one more attempt. Call it before `sdk.shutdown()`, which waits for the batches: a backend that is down would
   * delay it.
   */
  stopRetrying(): void {
    this.#stopping.abort();
  }

  override async forceFlush(): Promise<void> {
    await Promise.all(this.#unfinished);
  }

  override async shutdown(): Promise<void> {
    this.stopRetrying();
    await this.forceFlush(); // first: the base class rejects attempts from now on
    await super.shutdown();
  }

  async #send(spans: Spans): Promise<ExportResult> {
    const deadline = performance.now() + this.#timeoutMs;
    for (let delayMs = 250; ; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
      const isLast = this.#stopping.signal.aborted;
      const leftMs = Math.max(0, deadline - performance.now()); // a late timer may have passed the deadline
      const result = await this.#attempt(spans, Math.min(attemptMs, leftMs));
      const { status, retryAfterMs = 0 } = (result.error ?? {}) as Failure;
      const isRetryable = status === undefined || status === 429 || status >= 500; // undefined: no complete response
      const jitter = 0.8 + 0.4 * Math.random(); // so that the services don't all retry at once
      const waitMs = Math.max(retryAfterMs, delayMs * jitter);
      const isLate = performance.now() + waitMs >= deadline;
      if (result.code === ExportResultCode.SUCCESS || !isRetryable || isLast || isLate) return result;
      await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {}); // stopRetrying() ends the wait
    }
  }

  #attempt(spans: Spans, timeoutMs: number): Promise<ExportResult> {
    return new Promise((resolve) => {
      // Node (22.12 or newer) announces each request on this channel. export() creates its request before it returns, so the listener sees no other one.
      const onRequest = (event: unknown) => limit((event as { request: ClientRequest }).request, timeoutMs);
      subscribe('http.client.request.created', onRequest);
      try {
        super.export(spans, resolve); // the first result counts
      } finally {
        unsubscribe('http.client.request.created', onRequest);
      }
    });
  }
}

/** Limits the duration of a request and the size of its response. Every failure becomes an `error` event, the only one that the exporter listens for. */
function limit(request: ClientRequest, timeoutMs: number): void {
  let response: IncomingMessage | undefined;
  const fail = (message: string, details?: Failure) => {
    request.emit('error', Object.assign(new Error(message), details));
    request.destroy();
  };
  const timer = setTimeout(fail, timeoutMs, `no complete response within ${Math.round(timeoutMs)} ms`);
  request.on('close', () => {
    clearTimeout(timer);
    if (!response?.complete) fail('the connection closed before the response was complete');
  });
  request.on('response', (received) => {
    response = received;
    const { statusCode: status = 0, headers } = received;
    if (status < 200 || status > 299) {
      const seconds = Number.parseInt(headers['retry-after'] ?? '', 10) || 0; // Retry-After as a date is ignored
      return fail(`unexpected status ${status}`, { status, retryAfterMs: seconds * 1000 });
    }
    let bytes = 0;
    received.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxResponseBytes) fail(`a response of more than ${maxResponseBytes} bytes`, { status });
    });
  });
}
