// Zipkin's format, as OpenTelemetry specifies it:
// https://github.com/open-telemetry/opentelemetry-specification/blob/v1.60.0/specification/trace/sdk_exporters/zipkin.md
import { isIP } from 'node:net';
import { inspect } from 'node:util';
import type { Attributes } from '@opentelemetry/api';

export type Endpoint = { serviceName?: string; ipv4?: string; ipv6?: string; port?: number };

/**
 * A value as text: lists and objects as JSON, bytes as base64, null as ''.
 * https://opentelemetry.io/docs/specs/otel/common/#anyvalue-representation-for-non-otlp-protocols
 */
export function toText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return toBase64(value);
  try {
    return JSON.stringify(value, nestedValue);
  } catch {
    return inspect(value, { customInspect: false }); // circular, or too deep
  }
}

const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** A replacer for JSON.stringify. It reads the value from its parent, because a Buffer has been converted by then. */
function nestedValue(this: Record<string, unknown>, key: string): unknown {
  const value = this[key];
  if (value instanceof Uint8Array) return toBase64(value);
  const hasNoJson = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return hasNoJson ? String(value) : value;
}

/** Attributes as tags. `error: false` is omitted: any `error` tag turns a span red. */
export function toTags(attributes: Attributes): Record<string, string> {
  const tags = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, toText(value)]));
  if (tags.error === 'false') delete tags.error;
  return tags;
}

/** Adds the tags of a scope, which is the instrumentation that made the span. */
export function addScope(tags: Record<string, string>, scope?: { name?: string; version?: string | undefined }): void {
  if (scope?.name) tags['otel.scope.name'] = scope.name;
  if (scope?.version) tags['otel.scope.version'] = scope.version;
}

/** An event as the value of an annotation: its name, and its attributes as JSON. */
export function toAnnotation(name: unknown, attributes: Attributes = {}): string {
  const text = toText(name);
  return Object.keys(attributes).length > 0 ? `${JSON.stringify(text)}: ${toText(attributes)}` : text;
}

/** Whole microseconds; 0, which Zipkin takes for absent, if the time is not valid. */
export const wholeMicros = (time: number) => Math.min(Math.max(Math.round(time), 0), Number.MAX_SAFE_INTEGER) || 0;

/**
 * The callee of a CLIENT or PRODUCER span. By a name, Zipkin draws the call even if the callee sends no span.
 * https://github.com/open-telemetry/opentelemetry-specification/blob/v1.60.0/specification/trace/sdk_exporters/zipkin.md#remote-endpoint
 */
export function toRemoteEndpoint(kind: string | undefined, tags: Record<string, string>): Endpoint | undefined {
  if (kind !== 'CLIENT' && kind !== 'PRODUCER') return undefined;
  const { 'peer.service': service, 'server.address': server, 'network.peer.address': peer } = tags;
  const host = (service || server || peer)?.replace(/^\[|\]$/g, ''); // undici writes an IPv6 address in brackets
  const family = isIP(host ?? '');
  if (!host || family === 0) return host ? { serviceName: host } : undefined;
  const port = Number(tags[server ? 'server.port' : 'network.peer.port']);
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536; // Zipkin rejects any other
  return { [family === 4 ? 'ipv4' : 'ipv6']: host, ...(isPort && { port }) };
}
