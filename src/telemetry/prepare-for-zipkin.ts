import { type Attributes, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import { toText } from './to-text.ts';

/**
 * A span for exporter-zipkin 3.1.0, whose conversion (src/transform.ts) differs from
 * https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/:
 * - It writes Zipkin's `error` tag, which turns a span red, only for a status with a message; the HTTP instrumentations
 *   set none. It keeps `error: false`, which turns a span red, too.
 * - It writes an event as its bare name, without the attributes.
 * - It writes a list as `a,b`, an object as `[object Object]`, and throws if a value can't become a string.
 * Remove each part when the exporter does the same (docs/upstream.md).
 */
export function prepareForZipkin(span: ReadableSpan): ReadableSpan {
  const { name, status, events, attributes, resource } = span;
  const lacksMessage = status.code === SpanStatusCode.ERROR && !status.message;
  const prepared = {
    __proto__: span, // not a spread copy, which would lose the inherited properties
    name: toText(name),
    status: lacksMessage ? { ...status, message: toText(attributes['error.type']) || 'true' } : status,
    events: events.map((event) => ({ ...event, name: toAnnotation(event) })),
    attributes: toTags(attributes),
    resource: { attributes: toTags(resource.attributes) },
  };
  return prepared as unknown as ReadableSpan;
}

/** The value of an annotation: the name of an event, and its attributes as JSON. */
export function toAnnotation({ name, attributes = {} }: Pick<TimedEvent, 'name' | 'attributes'>): string {
  const text = toText(name);
  return Object.keys(attributes).length > 0 ? `${JSON.stringify(text)}: ${toText(attributes)}` : text;
}

/** Attributes as Zipkin's tags: text. `error: false` is omitted. */
export function toTags(attributes: Attributes): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const key of Object.keys(attributes)) tags[key] = toText(attributes[key]);
  if (tags.error === 'false') delete tags.error;
  return tags;
}
