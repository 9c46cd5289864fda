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
  const prepared: Partial<ReadableSpan> = {
    name: toText(name),
    status: lacksMessage ? { ...status, message: toText(attributes['error.type']) || 'true' } : status,
    events: events.map((event) => ({ ...event, name: nameWithAttributes(event) })),
    attributes: toTags(attributes),
    resource: { ...resource, attributes: toTags(resource.attributes) },
  };
  // Not a spread copy, which would lose the inherited properties.
  return { __proto__: span, ...prepared } as unknown as ReadableSpan;
}

function nameWithAttributes({ name, attributes = {} }: TimedEvent): string {
  const text = toText(name);
  return Object.keys(attributes).length > 0 ? `${JSON.stringify(text)}: ${toText(attributes)}` : text;
}

function toTags(attributes: Attributes): Attributes {
  const tags: Attributes = {};
  for (const key of Object.keys(attributes)) tags[key] = toText(attributes[key]);
  if (tags.error === 'false') delete tags.error;
  return tags;
}
