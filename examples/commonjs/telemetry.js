// Tracing for an Express service: CommonJS, Node 22.15 or newer.
// Preload this file, so that it runs before Express is loaded: `node --env-file=otel.env --require ./telemetry.js app.js`
const { ExpressInstrumentation, ExpressLayerType } = require('@opentelemetry/instrumentation-express');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
const { NodeSDK } = require('@opentelemetry/sdk-node');

// Exporter, propagator, sampler and the service's name come from the OTEL_* variables.
const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation(), // SERVER spans
    new ExpressInstrumentation({ ignoreLayersType: Object.values(ExpressLayerType) }), // adds their route, and no span per middleware
    new UndiciInstrumentation(), // CLIENT spans of fetch, and the headers that continue the trace
  ],
});
sdk.start();

// Spans are sent in batches: send the last one before the process ends. This ends requests in progress. If your service already waits
// for them, delete this block and call sdk.shutdown() after the last response.
async function stop() {
  await sdk.shutdown().catch(console.error);
  process.exit();
}
process.on('SIGTERM', stop).on('SIGINT', stop);

module.exports = { sdk };
