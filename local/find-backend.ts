import { type Config, defaultOtlpPort } from '../src/config/config.ts';
import { describeDestination } from '../src/config/describe-destination.ts';
import type { Machine } from './machine.ts';

type Backend = { reason: string; traceUiUrl?: string };

/**
 * The backend that the variables name, or one that listens on this machine: a Zipkin on port 9411, any for OTLP.
 * Undefined: the built-in viewer is needed.
 */
export async function findBackend(
  env: NodeJS.ProcessEnv,
  config: Config,
  { hasZipkin, hasOtlpBackend }: Machine,
): Promise<Backend | undefined> {
  const { OTEL_TRACES_EXPORTER: exporters, OTEL_EXPORTER_ZIPKIN_ENDPOINT: endpoint } = config;
  if (config.OTEL_SDK_DISABLED === 'true') return { reason: 'OTEL_SDK_DISABLED=true: there are no spans' };
  if (exporters.includes('none')) return { reason: 'OTEL_TRACES_EXPORTER=none: no spans are sent' };
  const destination = `spans go to ${describeDestination(config)}`;
  if (!exporters.includes('zipkin')) {
    const endpoint = config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_ENDPOINT;
    const reason = `OTEL_TRACES_EXPORTER=${exporters}: ${destination}`;
    if (!exporters.includes('otlp')) return { reason };
    if (!endpoint && !(await hasOtlpBackend(defaultOtlpPort(config)))) return undefined;
    if (env.TRACE_UI_URL) return { reason };
    return { reason: `${reason}, trace links to Jaeger`, traceUiUrl: 'http://localhost:16686/trace/{traceId}' };
  }
  const traceUiUrl = `${new URL(endpoint).origin}/zipkin/traces/{traceId}`;
  const isSet = env.OTEL_EXPORTER_ZIPKIN_ENDPOINT?.trim();
  if (isSet) return { reason: `OTEL_EXPORTER_ZIPKIN_ENDPOINT is set: ${destination}`, traceUiUrl };
  if (!(await hasZipkin(endpoint))) return undefined;
  return { reason: `a Zipkin responds at ${describeDestination(config)}: it is used`, traceUiUrl };
}
