// Tracing, set up before all else: `node --import ./src/telemetry.ts src/main.ts`. (To copy: examples/telemetry.mjs)
// Only this file and telemetry/ use the SDK; the services use @opentelemetry/api, a no-op unless this file is loaded.
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { register } from 'import-in-the-middle/register-hooks.mjs';
import { describeDestination } from './config/describe-destination.ts';
import { config } from './loaded-config.ts';
import { sdkLog } from './log.ts';
import { onShutdown } from './server/shutdown.ts';
import { createUntracedFilter } from './server/untraced-filter.ts';
import { createPropagator } from './telemetry/create-propagator.ts';
import { httpConfig } from './telemetry/http-config.ts';
import { logDiagnostics } from './telemetry/log-diagnostics.ts';
import { undiciConfig } from './telemetry/undici-config.ts';
import { RetryingZipkinExporter } from './telemetry/upstream/exporter-zipkin/retrying-zipkin-exporter.ts';
import { RouteOnlyExpressInstrumentation } from './telemetry/upstream/instrumentation-express.ts';
import { shutDownSdk } from './telemetry/upstream/sdk-trace.ts';

// ES modules can't be patched once they are loaded: without this hook, routes of Express's routers are not on spans.
register({ include: ['express'] });

// Zipkin unless OTEL_TRACES_EXPORTER names another exporter, which the SDK then creates.
const { OTEL_EXPORTER_ZIPKIN_ENDPOINT: url, OTEL_EXPORTER_ZIPKIN_TIMEOUT: timeoutMs } = config;
const zipkin = config.OTEL_TRACES_EXPORTER.includes('zipkin') ? new RetryingZipkinExporter(url, timeoutMs) : undefined;

logDiagnostics(sdkLog, config.OTEL_LOG_LEVEL, describeDestination(config));
const sdk = new NodeSDK({
  // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence over this name.
  resource: defaultResource().merge(resourceFromAttributes({ 'service.name': config.SERVICE_NAME })),
  ...(zipkin && { traceExporter: zipkin }),
  textMapPropagator: createPropagator(config.OTEL_PROPAGATORS), // B3 and baggage, unless OTEL_PROPAGATORS is set
  instrumentations: [
    new HttpInstrumentation({ ...httpConfig, ignoreIncomingRequestHook: createUntracedFilter(config) }), // SERVER spans
    new RouteOnlyExpressInstrumentation(), // their http.route
    new UndiciInstrumentation(undiciConfig), // CLIENT spans: Node's fetch is undici, not node:http
  ],
});

sdk.start();
onShutdown(() => {
  zipkin?.stopRetrying();
  return shutDownSdk(sdk);
});
