// telemetry.mjs, version of 2026-11-30: tracing for a Node service, with Node 22.22.3, 24.11.1 or newer.
// Preload it, so that it runs before your packages: `node --env-file=otel.env --import ./telemetry.mjs app.js`
import cluster from 'node:cluster';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { format } from 'node:util';
import { DiagLogLevel, diag, ProxyTracerProvider, trace } from '@opentelemetry/api';
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { register } from 'import-in-the-middle/register-hooks.mjs';

// A backend's words may have control characters, which a terminal would obey.
const print = (...values) => console.error(format(...values).replace(/(?![\n\t])\p{Cc}/gu, '\ufffd'));

const loaded = Symbol.for('telemetry.mjs');
const api = globalThis[Symbol.for('opentelemetry.js.api.1')];
if (globalThis[loaded]) print(`telemetry.mjs: this copy does nothing, ${globalThis[loaded]} runs: ${import.meta.url}`);
else if (api?.trace) print(`telemetry.mjs does nothing: another SDK came first (@opentelemetry/api ${api.version})`);
else {
  globalThis[loaded] = import.meta.url;
  sendAtEnd(start());
}

function start() {
  const { OTEL_SERVICE_NAME: name, OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin, OTEL_LOG_LEVEL: level } = process.env;
  if (!name) print('telemetry.mjs: OTEL_SERVICE_NAME is not set. Was otel.env loaded?');
  if (zipkin && !/^https?:\/\/[^/]+\/./.test(zipkin))
    print('telemetry.mjs: OTEL_EXPORTER_ZIPKIN_ENDPOINT has no path. Zipkin takes spans at /api/v2/spans.');

  // ES modules can't be patched once they are loaded: without this hook, routes lack the paths of routers. Add the
  // packages of your other instrumentations.
  register({ include: ['express'] });

  // The route of SERVER spans, and no span per middleware.
  const { MIDDLEWARE, REQUEST_HANDLER } = ExpressLayerType;
  const express = new ExpressInstrumentation({ ignoreLayersType: [MIDDLEWARE, REQUEST_HANDLER] });
  // Exporter, propagator, sampler and the service's name come from the OTEL_* variables.
  const sdk = new NodeSDK({
    instrumentations: [
      new HttpInstrumentation({ applyCustomAttributesOnSpan: setRoute }), // SERVER spans, and CLIENT spans of node:http
      express,
      new UndiciInstrumentation(), // CLIENT spans of fetch
    ],
  });
  const logger = { error: print, warn: print, info: print, debug: print, verbose: print };
  if (level) diag.setLogger(logger, { logLevel: DiagLogLevel[level.toUpperCase()], suppressOverrideMessage: true });
  sdk.start();
  // No span per router, either: this provider records none. (If routers are ignored, their paths are added up.)
  express.setTracerProvider(new ProxyTracerProvider());

  // Instrumentations give a failure no message: not red in Zipkin. Upstream: exporter-zipkin: conversion
  const tracer = Object.getPrototypeOf(trace.getTracer('telemetry.mjs'));
  const { startSpan } = tracer;
  tracer.startSpan = function (...args) {
    const span = startSpan.apply(this, args);
    const { setStatus } = span;
    span.setStatus = (status) => {
      const { 'http.response.status_code': code, 'error.type': type } = span.attributes ?? {};
      return setStatus.call(span, { ...status, message: status.message || String(code ?? type ?? 'failed') });
    };
    return span;
  };

  // For `import { request } from 'node:http'`: patch these now, and their ES module exports with them.
  for (const builtin of ['node:http', 'node:https']) createRequire(import.meta.url)(builtin);
  syncBuiltinESMExports();
  return sdk;
}

// The package has no route for `/?a=b`, and `/` for a catch-all. Upstream: instrumentation-express: http.route
function setRoute(span, request) {
  const { app, method, route, __ot_middlewares: routers = [] } = request;
  if (!app || !route) return;
  const pattern = [app.path(), ...routers, route.path].filter((path) => path !== '/').join('') || '/';
  span.setAttribute('http.route', pattern).updateName(`${method} ${pattern}`);
}

// Spans are sent in batches: sends the last one before the process ends, which ends when and as it did without this.
function sendAtEnd(sdk) {
  const exit = process.exit.bind(process);
  let flushed;
  const flush = (limitMs) => {
    flushed ??= new Promise((resolve) => {
      const timer = setTimeout(() => {
        print(`telemetry.mjs: the last spans are lost: the backend took longer than ${limitMs / 1000} s.`);
        resolve('too late');
      }, limitMs);
      const sent = sdk.shutdown().catch(print);
      sent.then(resolve).then(() => clearTimeout(timer));
    });
    return flushed;
  };
  // After this, process.exit() waits for the spans. It returns at once: code after it still runs.
  const exitFlushes = () => Object.assign(process, { exit: (code) => void flush(4000).then(() => exit(code)) });

  // At a signal: if your service has a handler, its process.exit() waits for the spans. If not, the process ends here.
  // The handlers of signal-exit, which many packages bring, don't count: they would leave the end to this one.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
    process.on(signal, () => {
      exitFlushes();
      const { __signal_exit_emitter__: v3 } = /** @type {any} */ (process);
      const v4 = globalThis[Symbol.for('signal-exit emitter')];
      if (process.listenerCount(signal) === 1 + (v3?.count ?? 0) + (v4?.count ?? 0)) process.exit(0);
    });

  // In a worker of a cluster whose primary has ended, Node calls process.exit().
  if (cluster.isWorker) process.prependListener('disconnect', exitFlushes);

  // When the event loop is empty.
  process.once('beforeExit', async () => {
    exitFlushes();
    if ((await flush(4000)) === 'too late') exit();
  });

  // At an uncaught error: if your service has a handler, its process.exit() waits for the spans. If not, the error is
  // thrown again when they are sent. (With a handler of ours, Sentry and worker threads would ignore the error.)
  process.on('uncaughtExceptionMonitor', function monitor(error) {
    exitFlushes();
    if (process.listenerCount('uncaughtException') > 0) return;
    const wait = () => {};
    process.on('uncaughtException', wait); // later errors, too
    const end = () => {
      process.off('uncaughtExceptionMonitor', monitor).off('uncaughtException', wait);
      throw error; // Node prints this line, and then the stack of the error
    };
    flush(1000).then(() => setImmediate(end));
  });
}
