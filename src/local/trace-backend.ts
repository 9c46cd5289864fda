import type { Config } from '../config.ts';
import { describeDestination } from '../telemetry/describe-destination.ts';

/** Where spans go instead of to the built-in viewer; `traceUiUrl` if it is known where they are shown. */
type TraceBackend = { note: string; spansUrl?: string; traceUiUrl?: string };

/** The backend that the variables name, or a Zipkin on port 9411 of this machine. Undefined: the built-in viewer is needed. */
export async function findTraceBackend(env: NodeJS.ProcessEnv, config: Config): Promise<TraceBackend | undefined> {
  const { OTEL_TRACES_EXPORTER: exporters } = config;
  const noViewer = 'the built-in trace viewer is not started';
  if (config.OTEL_SDK_DISABLED === 'true') {
    return { note: `OTEL_SDK_DISABLED=true: there are no spans, ${noViewer}` };
  }
  if (exporters.includes('none')) return { note: `OTEL_TRACES_EXPORTER=none: no spans are sent, ${noViewer}` };
  if (!exporters.includes('zipkin')) {
    const note = `OTEL_TRACES_EXPORTER=${exporters}: spans go to ${describeDestination(config)}, ${noViewer}`;
    if (!exporters.includes('otlp')) return { note };
    const links = 'trace links lead to Jaeger on port 16686, unless TRACE_UI_URL is set';
    return { note: `${note}; ${links}`, traceUiUrl: 'http://localhost:16686/trace/{traceId}' };
  }
  if (env.OTEL_EXPORTER_ZIPKIN_ENDPOINT?.trim()) {
    const endpoint = config.OTEL_EXPORTER_ZIPKIN_ENDPOINT;
    const note = `OTEL_EXPORTER_ZIPKIN_ENDPOINT is set: spans go to ${describeDestination(config)}, ${noViewer}`;
    return { note, spansUrl: endpoint, traceUiUrl: traceUiUrlOf(new URL(endpoint).origin) };
  }
  const zipkin = await findZipkin();
  if (!zipkin) return undefined;
  const note = `a Zipkin responds at ${zipkin}: it is used instead of the built-in trace viewer`;
  return { note, spansUrl: `${zipkin}/api/v2/spans`, traceUiUrl: traceUiUrlOf('http://localhost:9411') };
}

export const traceUiUrlOf = (zipkin: string) => `${zipkin}/zipkin/traces/{traceId}`;

async function findZipkin(): Promise<string | undefined> {
  for (const address of ['127.0.0.1', '[::1]']) {
    const url = `http://${address}:9411`;
    const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) })
      .then((response) => response.json() as Promise<{ zipkin?: object }>)
      .catch(() => undefined);
    if (health?.zipkin) return url; // the built-in viewer's has no `zipkin`
  }
  return undefined;
}
