import { type Span, SpanStatusCode, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('tracing-demo');

/**
 * Runs `work` in a span of its own: what `work` does, other spans included, belongs to it.
 * If `work` fails, the span records the exception and turns red, and the exception goes on its way.
 */
export function withSpan<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      return await work(span);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      span.recordException(error); // an event with type, message and stack, which only an OTLP backend shows whole
      span.setAttribute('error.type', error.name);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message }); // the message becomes Zipkin's `error` tag
      throw thrown;
    } finally {
      span.end();
    }
  });
}

/** Where the trace of this request can be seen; nothing where no span is being recorded (not sampled, or telemetry.ts not loaded). */
export function traceLink(traceUiUrl: string): { trace_id?: string; trace_url?: string } {
  const span = trace.getActiveSpan();
  if (!span?.isRecording()) return {};
  const { traceId } = span.spanContext();
  return { trace_id: traceId, trace_url: traceUiUrl.replaceAll('{traceId}', traceId) };
}
