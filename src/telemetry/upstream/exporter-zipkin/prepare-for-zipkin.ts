import { type Attributes, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { toAnnotation, toTags, toText } from '../../zipkin-format.ts';

/**
 * A span that exporter-zipkin 3.1.0 (src/transform.ts) converts as specified: most are such; of the others, the fields
 * that it reads, prepared. It writes
 * - an `error` tag, which turns a span red, only for a status with a message; the HTTP instrumentations set none. It
 *   keeps `error: false`, which turns a span red, too.
 * - an event as its bare name, without the attributes.
 * - a list as `a,b`, an object as `[object Object]`, and throws if a value can't become a string.
 *
 * Upstream: exporter-zipkin: conversion
 */
export function prepareForZipkin(span: ReadableSpan) {
  const { name, status, events, attributes, resource } = span;
  const lacksMessage = status.code === SpanStatusCode.ERROR && !status.message;
  const isPlain = typeof name === 'string' && events.length === 0 && !lacksMessage;
  if (isPlain && arePlain(attributes) && arePlain(resource.attributes)) return span; // preparing takes time
  return {
    spanContext: () => span.spanContext(),
    parentSpanContext: span.parentSpanContext,
    name: toText(name),
    kind: span.kind,
    startTime: span.startTime,
    duration: span.duration,
    status: lacksMessage ? { ...status, message: toText(attributes['error.type']) || 'true' } : status,
    events: events.map((event) => ({ ...event, name: toAnnotation(event.name, event.attributes) })),
    attributes: toTags(attributes),
    resource: { attributes: toTags(resource.attributes) },
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}

function arePlain(attributes: Attributes): boolean {
  for (const key in attributes) {
    const type = typeof attributes[key];
    if (key === 'error' || (type !== 'string' && type !== 'number' && type !== 'boolean')) return false;
  }
  return true;
}
