// Tracing, set up before anything else runs: `node --import ./src/telemetry.ts src/main.ts`.
// Only this file and telemetry/ use the SDK. The services use @opentelemetry/api, which does nothing unless this file is loaded.
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { register } from 'import-in-the-middle/register-hooks.mjs';
import { loadConfig } from './config.ts';
import { createLogger } from './server/logger.ts';
import { onShutdown } from './server/shutdown.ts';
import { clientSpans } from './telemetry/client-spans.ts';
import { createPropagator } from './telemetry/create-propagator.ts';
import { isUntraced } from './telemetry/is-untraced.ts';
import { logDiagnostics } from './telemetry/log-diagnostics.ts';
import { RetryingZipkinExporter } from './telemetry/retrying-zipkin-exporter.ts';
import { serverSpans } from './telemetry/server-spans.ts';

const config = loadConfig();

// ES modules can't be patched after they are loaded: without this hook, registered before Express is imported, spans have no http.route.
register({ include: ['express'] });

// Zipkin unless OTEL_TRACES_EXPORTER names another exporter, which the SDK then creates.
const usesZipkin = config.OTEL_TRACES_EXPORTER.includes('zipkin');
const zipkin = usesZipkin ? new RetryingZipkinExporter(config.OTEL_EXPORTER_ZIPKIN_TIMEOUT) : undefined;

const sdk = new NodeSDK({
  // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence over this name.
  resource: defaultResource().merge(resourceFromAttributes({ 'service.name': config.SERVICE_NAME })),
  traceExporter: zipkin,
  textMapPropagator: createPropagator(config.OTEL_PROPAGATORS), // B3 and baggage, unless OTEL_PROPAGATORS is set
  instrumentations: [
    new HttpInstrumentation({ ...serverSpans, ignoreIncomingRequestHook: isUntraced(config) }), // SERVER spans
    new ExpressInstrumentation({ ignoreLayersType: Object.values(ExpressLayerType) }), // adds their http.route, and no span per middleware
    new UndiciInstrumentation(clientSpans), // CLIENT spans: Node's fetch is undici, not node:http
  ],
});

const reportLoss = logDiagnostics(createLogger(config), config); // after `new NodeSDK`, which sets a logger of its own
sdk.start();
onShutdown(() => {
  zipkin?.stopRetrying();
  return sdk.shutdown().catch(reportLoss);
});
