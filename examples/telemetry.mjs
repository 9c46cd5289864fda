// Tracing for an Express service, ES modules or CommonJS: Node 22.22.3, 24.11.1 or newer.
// Preload it, so that it runs before Express is loaded: `node --env-file=otel.env --import ./telemetry.mjs app.js`
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { register } from 'import-in-the-middle/register-hooks.mjs';

// ES modules can't be patched once they are loaded: without this hook, spans have no route.
register({ include: ['express'] });

// Exporter, propagator, sampler and the service's name come from the OTEL_* variables.
export const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation(), // SERVER spans
    // The route of SERVER spans, and no span per middleware.
    new ExpressInstrumentation({ ignoreLayersType: Object.values(ExpressLayerType) }),
    new UndiciInstrumentation(), // CLIENT spans of fetch, and the headers that continue the trace
  ],
});
sdk.start();

// Spans are sent in batches: send the last one before the process ends. This ends requests in progress. If your service
// already waits for them, delete this block and call sdk.shutdown() after the last response.
async function stop() {
  await sdk.shutdown().catch(console.error);
  process.exit();
}
process.on('SIGTERM', stop).on('SIGINT', stop);
