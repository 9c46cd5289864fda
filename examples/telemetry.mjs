// Tracing for a Node service: ES modules, CommonJS or TypeScript, with Node 22.22.3, 24.11.1 or newer.
// Preload it, so that it runs before your packages: `node --env-file=otel.env --import ./telemetry.mjs app.js`
import cluster from 'node:cluster';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { register } from 'import-in-the-middle/register-hooks.mjs';

const { OTEL_SERVICE_NAME: name, OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin } = process.env;
if (!name) console.error('telemetry.mjs: OTEL_SERVICE_NAME is not set. Was otel.env loaded?');
if (zipkin && !/^https?:\/\/[^/]+\/./.test(zipkin))
  console.error('telemetry.mjs: OTEL_EXPORTER_ZIPKIN_ENDPOINT has no path. Zipkin takes spans at /api/v2/spans.');

// ES modules can't be patched once they are loaded: without this hook, spans have no route. Add the packages of your
// other instrumentations.
register({ include: ['express'] });

// Zipkin shows a span in red if its status has a message. For a 500 these instrumentations set a status without one, after
// their hooks.
const addMessage = (span) => {
  const { setStatus } = span;
  const message = () => String(span.attributes?.['http.response.status_code'] ?? 'failed');
  span.setStatus = (status) => setStatus.call(span, { message: message(), ...status });
};

// Exporter, propagator, sampler and the service's name come from the OTEL_* variables.
const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation({ requestHook: addMessage }), // SERVER spans, and CLIENT spans of node:http
    // The route of SERVER spans, and no span per middleware.
    new ExpressInstrumentation({ ignoreLayersType: Object.values(ExpressLayerType) }),
    new UndiciInstrumentation({ requestHook: addMessage }), // CLIENT spans of fetch
  ],
});
sdk.start();

// For `import { request } from 'node:http'`: patch these now, and their ES module exports with them.
for (const builtin of ['node:http', 'node:https']) createRequire(import.meta.url)(builtin);
syncBuiltinESMExports();

// Spans are sent in batches: send the last one before the process ends. A backend may not respond: there is a limit.
const exit = process.exit.bind(process);
let flushed;
const flush = (limitMs) => {
  flushed ??= Promise.race([sdk.shutdown().catch(console.error), sleep(limitMs, 'too late', { ref: false })]);
  return flushed;
};
// After this, process.exit() waits for the spans. It returns at once: code after it still runs.
const exitFlushes = () => {
  process.exit = /** @type {typeof exit} */ ((code) => void flush(4000).then(() => exit(code)));
};

// At a signal: if your service has a handler, its process.exit() waits for the spans. If not, the process ends here.
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => {
    exitFlushes();
    if (process.listenerCount(signal) === 1) process.exit(0);
  });

// In a worker of a cluster whose primary has ended, Node calls process.exit().
if (cluster.isWorker) process.prependListener('disconnect', exitFlushes);

// When the event loop is empty.
process.once('beforeExit', async () => {
  exitFlushes();
  if ((await flush(4000)) === 'too late') exit();
});

// At an uncaught error: if your service has a handler, its process.exit() waits for the spans. If not, do as
// Node does: print the error, and exit with 1.
process.on('uncaughtException', async (error) => {
  if (process.listenerCount('uncaughtException') > 1) return exitFlushes();
  console.error(error);
  await flush(1000);
  exit(1);
});
