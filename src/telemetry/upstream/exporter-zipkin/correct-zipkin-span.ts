import { type Endpoint, toRemoteEndpoint, wholeMicros } from '../../zipkin-format.ts';

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
 * Corrects a span that exporter-zipkin 3.1.0 (src/transform.ts) has converted. It passes on IDs in upper case, and times
 * that are fractions, negative or NaN: Zipkin would respond 400, and all spans of the batch would be lost. It also omits
 * `remoteEndpoint`. Upstream: exporter-zipkin: conversion
 */
export function correctZipkinSpan(span: ConvertedSpan): ConvertedSpan {
  const { traceId, id, parentId, kind, timestamp, duration, tags, annotations } = span;
  return {
    ...span,
    traceId: traceId.toLowerCase(),
    id: id.toLowerCase(),
    parentId: parentId?.toLowerCase(),
    timestamp: wholeMicros(timestamp),
    duration: wholeMicros(duration),
    annotations: annotations?.map((event) => ({ ...event, timestamp: wholeMicros(event.timestamp) })),
    remoteEndpoint: toRemoteEndpoint(kind, tags),
  };
}
