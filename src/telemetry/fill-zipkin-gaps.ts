import { SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';

/**
 * Adds to a span what exporter-zipkin 3.1.0 (src/transform.ts) omits:
 * - It writes Zipkin's `error` tag, which turns a span red, only for a status with a message; the HTTP instrumentations
 *   set none.
 * - It writes an event as its bare name. https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/#events
 *   wants the attributes too.
 * Remove each part when the exporter writes it.
 */
export function fillZipkinGaps(span: ReadableSpan): ReadableSpan {
  const { status, events } = span;
  const lacksMessage = status.code === SpanStatusCode.ERROR && !status.message;
  if (!lacksMessage && events.length === 0) return span;
  // Not a spread copy, which would lose the inherited properties.
  return Object.create(span, {
    status: { value: lacksMessage ? { ...status, message: String(span.attributes['error.type'] ?? true) } : status },
    events: { value: events.map((event) => ({ ...event, name: nameWithAttributes(event) })) },
  });
}

function nameWithAttributes({ name, attributes = {} }: TimedEvent): string {
  return Object.keys(attributes).length > 0 ? `${JSON.stringify(name)}: ${JSON.stringify(attributes)}` : name;
}
