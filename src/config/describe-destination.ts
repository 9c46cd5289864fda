import { type Config, defaultOtlpPort } from './config.ts';
import { isHttpUrl } from './rules.ts';

/** The backends that spans are sent to, for log messages: their URLs without credentials or query. */
export function describeDestination(config: Config): string {
  const endpoint = config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_ENDPOINT;
  const otlp = endpoint ?? `http://localhost:${defaultOtlpPort(config)}`;
  const urls: Record<string, string> = { zipkin: config.OTEL_EXPORTER_ZIPKIN_ENDPOINT, otlp };
  return config.OTEL_TRACES_EXPORTER.map((name) => originAndPath(urls[name] ?? name)).join(', ');
}

function originAndPath(url: string): string {
  if (!isHttpUrl(url)) return url; // `console`, `none`, or host:port for gRPC
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
