import type { ZipkinSpan } from '../../local/viewer/span.ts';
import { createSpanStore } from '../../local/viewer/span-store.ts';
import { createViewer } from '../../local/viewer/viewer.ts';
import { serve } from './servers.ts';

export const { ZIPKIN_URL, JAEGER_URL, JAEGER_OTLP_URL, JAEGER_ZIPKIN_URL, COLLECTOR_BIN } = process.env;

export type Backend = { env: Record<string, string>; trace: (id: string) => Promise<ZipkinSpan[]> };

/** A Zipkin server, real or not: the variables that send spans to it, and its traces. */
export function zipkinAt(url: string): Backend & { url: string } {
  return {
    url,
    env: { OTEL_TRACES_EXPORTER: 'zipkin', OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/api/v2/spans` },
    trace: async (id) => {
      const response = await fetch(`${url}/api/v2/trace/${id}`);
      return response.ok ? ((await response.json()) as ZipkinSpan[]) : [];
    },
  };
}

/** The variables that send spans to `url` as OTLP. */
export const otlpTo = (url: string, protocol = 'http/json') => ({
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
});

/** The built-in viewer on a free port. */
export async function startViewer(store = createSpanStore()) {
  const server = await serve(createViewer({ store }));
  const post = (spans: unknown) => fetch(`${server.url}/api/v2/spans`, { method: 'POST', body: JSON.stringify(spans) });
  return { ...zipkinAt(server.url), post, [Symbol.asyncDispose]: server[Symbol.asyncDispose] };
}
