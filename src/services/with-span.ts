import { type Span, SpanStatusCode, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('tracing-demo');

/**
 * Runs `work` in a span. Spans that `work` starts become its children.
 * If `work` throws, the span records the exception and is marked as failed, and the exception is rethrown. (HTTP's
 * spans are marked by their instrumentation, and src/telemetry/upstream/instrumentation-http.ts. The rules:
 * docs/tour.md, "Why is this span not red?")
 *
 * OpenTelemetry is moving exceptions from span events to logs (https://opentelemetry.io/blog/2026/deprecating-span-events).
 * Zipkin's format has no logs, so the event stays; its successor is the log line with the same trace_id.
 */
export function withSpan<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      return await work(span);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      span.recordException(error); // an event with type, message and stack
      span.setAttribute('error.type', error.name);
      // the message becomes Zipkin's `error` tag
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw thrown;
    } finally {
      span.end();
    }
  });
}
