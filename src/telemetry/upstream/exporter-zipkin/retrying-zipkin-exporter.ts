import { diag } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, globalErrorHandler } from '@opentelemetry/core';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { type ConvertedSpan, correctZipkinSpan } from './correct-zipkin-span.ts';
import { createPost } from './post.ts';
import { prepareForZipkin } from './prepare-for-zipkin.ts';
import { retry } from './retry.ts';
import { type Body, toBodies } from './to-bodies.ts';

const reportLoss = (error: unknown, lostSpans: number) =>
  globalErrorHandler(Object.assign(error as Error, { lostSpans }));

let unsentSpans = 0;
process.once('exit', () => {
  if (unsentSpans > 0) reportLoss(new Error('the process ended before they were sent'), unsentSpans);
});

/**
 * A ZipkinExporter with timeouts and retries, for which only a 2xx status is a success. exporter-zipkin 3.1.0
 * (src/platform/node/util.ts) never retries, has no timeout, takes a redirect for success, collects a response of any
 * length, keeps a batch forever if its response is cut short, and sends batches that Zipkin refuses as too large.
 * Upstream: exporter-zipkin: transport
 *
 * Spans that are lost are reported to OpenTelemetry's global error handler, with their number in `lostSpans`. The
 * export is then called a success, because BatchSpanProcessor 3.1.0 runs two exports at a time from its first failure
 * on. Upstream: BatchSpanProcessor: exports at the same time
 */
export class RetryingZipkinExporter extends ZipkinExporter {
  readonly #stopping = new AbortController();
  #prepared: ReturnType<typeof prepareForZipkin>[] = [];

  /**
   * @param endpoint the URL to send spans to; it may have a user name and password
   * @param timeoutMs how long a batch may take, all of its attempts included, in milliseconds. Set
   * OTEL_BSP_EXPORT_TIMEOUT to more: when it expires, BatchSpanProcessor starts a second export.
   */
  constructor(endpoint: string, timeoutMs: number) {
    super({ url: endpoint });
    const post = createPost(endpoint);
    const { origin, pathname } = new URL(endpoint);
    const onTooLarge = (bytes: number) => reportLoss(new Error(`a span of ${bytes} bytes is too large for Zipkin`), 1);

    const sendBody = async ({ json, spans }: Body, deadline: number) => {
      try {
        const status = await retry((limitMs) => post(json, limitMs), deadline, this.#stopping.signal);
        diag.debug(`sent ${spans} spans (${json.length} bytes) to ${origin}${pathname}: status ${status}`);
      } catch (error) {
        reportLoss(error, spans);
      }
      unsentSpans -= spans;
    };
    const send = async (converted: ConvertedSpan[], done: (result: ExportResult) => void) => {
      const deadline = performance.now() + timeoutMs;
      for (const [i, span] of converted.entries()) correctZipkinSpan(span, this.#prepared[i]?.instrumentationScope);
      const bodies = toBodies(converted, onTooLarge);
      for (const { spans } of bodies) unsentSpans += spans;
      for (const body of bodies) await sendBody(body, deadline);
      done({ code: ExportResultCode.SUCCESS });
    };
    // The base class converts the spans and calls this private member, all before super.export() returns: check it when
    // you update the pinned package.
    Object.assign(this, { _send: send });
  }

  override export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#prepared = spans.flatMap((span) => {
      try {
        return [prepareForZipkin(span)];
      } catch (error) {
        reportLoss(error, 1); // without its neighbors
        return [];
      }
    });
    if (this.#prepared.length > 0) super.export(this.#prepared as ReadableSpan[], done);
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
