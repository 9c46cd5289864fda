import { isIP } from 'node:net';

/** What exporter-zipkin makes of a span; its types are not exported. */
export type ZipkinSpan = {
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
type Endpoint = { serviceName?: string; ipv4?: string; ipv6?: string; port?: number };

/**
 * A span in Zipkin's format as Zipkin accepts it. exporter-zipkin 3.1.0 (src/transform.ts) passes on IDs in upper case
 * and times that are fractions, negative or NaN. Zipkin would respond 400, and all spans of the batch would be lost.
 * It also omits `remoteEndpoint`. Remove each part when the exporter does the same (docs/upstream.md).
 */
export function correctZipkinSpan(span: ZipkinSpan): ZipkinSpan {
  const { traceId, id, parentId, timestamp, duration, annotations } = span;
  return {
    ...span,
    traceId: traceId.toLowerCase(),
    id: id.toLowerCase(),
    parentId: parentId?.toLowerCase(),
    timestamp: wholeMicros(timestamp),
    duration: wholeMicros(duration),
    annotations: annotations?.map((event) => ({ ...event, timestamp: wholeMicros(event.timestamp) })),
    remoteEndpoint: remoteEndpointOf(span),
  };
}

/** Zero, which Zipkin takes for absent, if the time is not valid. */
const wholeMicros = (time: number) => Math.min(Math.max(Math.round(time), 0), Number.MAX_SAFE_INTEGER) || 0;

/**
 * The callee. Zipkin draws a call from it if the callee sends no span.
 * https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/#remote-endpoint
 */
function remoteEndpointOf({ kind, tags }: ZipkinSpan): Endpoint | undefined {
  if (kind !== 'CLIENT' && kind !== 'PRODUCER') return undefined;
  const { 'peer.service': service, 'server.address': server, 'network.peer.address': peer } = tags;
  const host = (service || server || peer)?.replace(/^\[|\]$/g, ''); // undici writes an IPv6 address in brackets
  const family = isIP(host ?? '');
  if (!host || family === 0) return host ? { serviceName: host } : undefined;
  const port = Number(tags[server ? 'server.port' : 'network.peer.port']);
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536; // Zipkin rejects any other
  return { [family === 4 ? 'ipv4' : 'ipv6']: host, ...(isPort && { port }) };
}
