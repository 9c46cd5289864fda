import { trace } from '@opentelemetry/api';

/** The id and URL of the active trace. Empty if it is not sampled, or if telemetry.ts is not loaded. */
export function traceLink(traceUiUrl: string): { trace_id?: string; trace_url?: string } {
  const span = trace.getActiveSpan();
  if (!span?.isRecording()) return {};
  const { traceId } = span.spanContext();
  return { trace_id: traceId, trace_url: traceUiUrl.replaceAll('{traceId}', traceId) };
}
