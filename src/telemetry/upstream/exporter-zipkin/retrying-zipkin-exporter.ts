import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportResult, ExportResultCode, globalErrorHandler } from '@opentelemetry/core';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { type ConvertedSpan, correctZipkinSpan } from './correct-zipkin-span.ts';
import { createPost, type Failure } from './create-post.ts';
import { prepareForZipkin } from './prepare-for-zipkin.ts';

const attemptMs = 5000;
const maxDelayMs = 5000;

const reportLoss = (error: unknown, lostSpans: number) =>
  globalErrorHandler(Object.assign(error as Error, { lostSpans }));

let unsentSpans = 0;
process.once('exit', () => {
  if (unsentSpans > 0) reportLoss(new Error('the process ended before they were sent'), unsentSpans);
});

/**
 * A ZipkinExporter with timeouts and retries, for which only a 2xx status is a success. exporter-zipkin 3.1.0
 * (src/platform/node/util.ts) never retries, has no timeout, takes a redirect for success, collects a response of any
 * length, and keeps a batch forever if its response is cut short. Upstream: exporter-zipkin: transport
 *
 * Spans that are lost are reported to OpenTelemetry's global error handler, with their number in `lostSpans`. The
 * export is then called a success, because BatchSpanProcessor 3.1.0 runs two exports at a time from its first failure
 * on. Upstream: BatchSpanProcessor: exports at the same time
 */
export class RetryingZipkinExporter extends ZipkinExporter {
  readonly #stopping = new AbortController();

  /**
   * @param endpoint the URL to send spans to; it may have a user name and password
   * @param timeoutMs how long a batch may take, all of its attempts included, in milliseconds. Set
   * OTEL_BSP_EXPORT_TIMEOUT to more: when it expires, BatchSpanProcessor starts a second export.
   */
  constructor(endpoint: string, timeoutMs: number) {
    super({ url: endpoint });
    const post = createPost(endpoint);
    const send = async (spans: ConvertedSpan[], done: (result: ExportResult) => void) => {
      unsentSpans += spans.length;
      try {
        const body = JSON.stringify(spans.map(correctZipkinSpan));
        await retry((limitMs) => post(body, limitMs), timeoutMs, this.#stopping.signal);
      } catch (error) {
        reportLoss(error, spans.length);
      }
      unsentSpans -= spans.length;
      done({ code: ExportResultCode.SUCCESS });
    };
    // The base class converts the spans and calls this private member: check it when you update the pinned package.
    Object.assign(this, { _send: send });
  }

  override export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const prepared = spans.flatMap((span) => {
      try {
        return [prepareForZipkin(span)];
      } catch (error) {
        reportLoss(error, 1); // without its neighbours
        return [];
      }
    });
    if (prepared.length > 0) super.export(prepared as unknown as ReadableSpan[], done);
    else done({ code: ExportResultCode.SUCCESS });
  }

  /** Gives each batch one more attempt. Call it before `sdk.shutdown()`, which waits for the batches. */
  stopRetrying(): void {
    this.#stopping.abort();
  }

  override async shutdown(): Promise<void> {
    this.stopRetrying();
    await super.shutdown();
  }
}

/**
 * Repeats `attempt`, which gets its limit in milliseconds, until it succeeds.
 * @throws Error with the reason of the last failure
 */
async function retry(
  attempt: (limitMs: number) => Promise<Failure | undefined>,
  timeoutMs: number,
  stopping: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let delayMs = 250; ; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
    const isLast = stopping.aborted;
    const leftMs = Math.max(1, deadline - performance.now()); // a late timer may have passed the deadline
    const failure = await attempt(Math.ceil(Math.min(attemptMs, leftMs)));
    if (!failure) return;
    const jitter = 0.8 + 0.4 * Math.random(); // so that the services don't all retry at once
    const waitMs = Math.max(failure.retryAfterMs, delayMs * jitter);
    const isTooLate = performance.now() + waitMs >= deadline;
    if (!failure.isRetryable || isLast || isTooLate) throw new Error(failure.reason);
    await sleep(waitMs, undefined, { signal: stopping }).catch(() => {}); // stopRetrying() ends the wait
  }
}
