import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { toZipkinForm } from './zipkin-form.ts';

type Spans = Parameters<ZipkinExporter['export']>[0];
type Failure = Error & { status?: number; retryAfterMs?: number };

const attemptMs = 5000;
const maxDelayMs = 5000;
const maxResponseBytes = 65_536;

/**
 * A ZipkinExporter that does not trust its backend. exporter-zipkin 3.1.0 (src/platform/node/util.ts) never retries, has no timeout,
 * collects a response of any length, takes a redirect for success, and does not notice that a response was cut short.
 * Delete `#attempt` and `watch` when it limits the exchange, `#send` when it retries.
 */
export class RetryingZipkinExporter extends ZipkinExporter {
  readonly #timeoutMs: number;
  readonly #stopping = new AbortController();
  #lost = 0;

  /** @param timeoutMs how long a batch may take, all of its attempts included, in milliseconds */
  constructor(timeoutMs: number) {
    super();
    this.#timeoutMs = timeoutMs;
  }

  override export(spans: Spans, done: (result: ExportResult) => void): void {
    void this.#send(spans.map(toZipkinForm)).then(({ code, error }) => {
      if (code === ExportResultCode.SUCCESS) return done({ code });
      this.#lost += spans.length;
      const reason = error?.message || (error as { code?: string }).code; // an AggregateError has no message
      done({ code, error: new Error(`${reason} (${this.#lost} spans lost since the start)`) });
    });
  }

  /** From now on a batch gets one attempt, so that a backend that is down does not hold up the shutdown. */
  stopRetrying(): void {
    this.#stopping.abort();
  }

  async #send(spans: Spans): Promise<ExportResult> {
    const deadline = performance.now() + this.#timeoutMs;
    for (let delayMs = 250; ; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
      const stopping = this.#stopping.signal.aborted;
      const result = await this.#attempt(spans, Math.min(attemptMs, deadline - performance.now()));
      const { status, retryAfterMs } = (result.error ?? {}) as Failure;
      const mayPass = status === undefined || status === 429 || status >= 500; // no response, or "not now"
      const waitMs = retryAfterMs ?? delayMs * (0.8 + 0.4 * Math.random()); // jitter: not all services at the same moment
      const isLate = performance.now() + waitMs >= deadline;
      if (result.code === ExportResultCode.SUCCESS || !mayPass || stopping || isLate) return result;
      await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {}); // stopRetrying() ends the wait
    }
  }

  #attempt(spans: Spans, timeoutMs: number): Promise<ExportResult> {
    return new Promise((resolve) => {
      // Node announces every request on this channel, and export() creates its own before it returns.
      const onRequest = (event: unknown) => watch((event as { request: ClientRequest }).request, timeoutMs);
      subscribe('http.client.request.created', onRequest);
      super.export(spans, resolve); // of several results the first counts
      unsubscribe('http.client.request.created', onRequest);
    });
  }
}

/** Limits one exchange in time and bytes. Every failure becomes an `error` event, which is all that the exporter listens for. */
function watch(request: ClientRequest, timeoutMs: number): void {
  const fail = (message: string, details: Partial<Failure> = {}) => {
    request.emit('error', Object.assign(new Error(message), details));
    request.destroy();
  };
  const timer = setTimeout(fail, timeoutMs, `no complete response within ${Math.round(timeoutMs)} ms`);
  request.on('close', () => clearTimeout(timer));
  request.on('response', (response) => {
    const { statusCode: status = 0, headers } = response;
    if (status < 200 || status > 299) {
      const seconds = Number.parseInt(headers['retry-after'] ?? '', 10); // the other form, a date, is ignored
      return fail(`unexpected status ${status}`, { status, ...(seconds >= 0 && { retryAfterMs: seconds * 1000 }) });
    }
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxResponseBytes) fail(`a response of more than ${maxResponseBytes} bytes`);
    });
    response.on('close', () => {
      if (!response.complete) fail('the response was cut short');
    });
  });
}
