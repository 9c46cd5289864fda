import type { InstrumentationScope } from '@opentelemetry/core';
import { addScope, type Endpoint, toRemoteEndpoint, wholeMicros } from '../../zipkin-format.ts';

/** What exporter-zipkin makes of a span. Its types are not exported. */
export type ConvertedSpan = {
  traceId: string;
  id: string;
  parentId?: string | undefined;
  kind?: string | undefined;
  timestamp: number;
  duration: number;
  tags: Record<string, string>;
  annotations?: { timestamp: number; value: string }[] | undefined;
  remoteEndpoint?: Endpoint | undefined;
};

/**
 * Corrects, in place, a span that exporter-zipkin 3.1.0 (src/transform.ts) has converted. It passes on IDs in upper case,
 * and times that are fractions, negative or NaN: Zipkin would respond 400, and all spans of the batch would be lost. It
 * omits the scope and `remoteEndpoint`.
 * Upstream: exporter-zipkin: conversion
 */
export function correctZipkinSpan(span: ConvertedSpan, scope: InstrumentationScope | undefined): void {
  span.traceId = span.traceId.toLowerCase();
  span.id = span.id.toLowerCase();
  span.parentId = span.parentId?.toLowerCase();
  span.timestamp = wholeMicros(span.timestamp);
  span.duration = wholeMicros(span.duration);
  for (const event of span.annotations ?? []) event.timestamp = wholeMicros(event.timestamp);
  addScope(span.tags, scope);
  span.remoteEndpoint = toRemoteEndpoint(span.kind, span.tags);
}
