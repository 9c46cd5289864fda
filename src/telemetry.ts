// Tracing, set up before anything else runs: `node --import ./src/telemetry.ts src/main.ts`.
// Only this file and zipkin.ts know the SDK. The services use @opentelemetry/api, which does nothing where this file is not loaded.
import { subscribe } from 'node:diagnostics_channel';
import { format } from 'node:util';
import { type Attributes, DiagLogLevel, diag, type Exception, type TextMapPropagator } from '@opentelemetry/api';
import {
  CompositePropagator,
  setGlobalErrorHandler,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PinoInstrumentation } from '@opentelemetry/instrumentation-pino';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { B3InjectEncoding } from '@opentelemetry/propagator-b3';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_HTTP_ROUTE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVICE_NAME,
  ATTR_URL_FULL,
  ATTR_URL_QUERY,
} from '@opentelemetry/semantic-conventions';
import type { Request } from 'express';
import { register } from 'import-in-the-middle/register-hooks.mjs';
import { loadConfig } from './config.ts';
import { wantsPage } from './server/page.ts';
import { onShutdown } from './server/shutdown.ts';
import { createB3Propagator, createZipkinExporter } from './telemetry/zipkin-exporter.ts';

const config = loadConfig();

// ES modules can't be patched once they are loaded: this hook must stand before pino is imported. Without it nothing warns, but
// the log lines have no trace_id.
register({ include: ['pino'] });

// Where several addresses refuse (localhost is often two), the error has no message: the CLIENT span would not be red in Zipkin.
// (Before `new UndiciInstrumentation`, which reads the message.)
subscribe('undici:request:error', (event) => {
  const { error } = event as { error: Error & { code?: string } };
  error.message ||= error.code ?? error.name;
});

const sdk = new NodeSDK({
  // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins over this.
  resource: defaultResource().merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: config.serviceName })),
  // Where to: what OTEL_TRACES_EXPORTER says, or else Zipkin.
  traceExporter: config.exporters.join() === 'zipkin' ? createZipkinExporter(config.zipkinTimeoutMs) : undefined,
  // How a trace gets from one service to the next: what OTEL_PROPAGATORS says, or else the X-B3-* headers, and baggage beside them.
  textMapPropagator: createPropagator(config.propagators),
  instrumentations: [
    // SERVER spans
    new HttpInstrumentation({
      ignoreIncomingRequestHook: (request) =>
        ['/health', '/favicon.ico'].includes(`${request.url?.split('?')[0]}`) ||
        (config.serviceName === 'service1' && wantsPage(request)),
      startIncomingSpanHook: (request) => ({
        ...withoutQuery(request.url),
        // By itself, it takes these two from Forwarded and X-Forwarded-*, in which any caller can write anything.
        [ATTR_CLIENT_ADDRESS]: request.socket.remoteAddress,
        [ATTR_SERVER_ADDRESS]: request.headers.host?.replace(/:\d+$/, ''),
      }),
      applyCustomAttributesOnSpan: (span, request, response) => {
        // The route, as Express knows it. (instrumentation-express does this too, at a quarter of all that tracing costs here, and
        // finds no route for `/` where a query follows.)
        const { route, baseUrl } = request as Request;
        if (route) {
          const path = baseUrl + route.path;
          span.setAttribute(ATTR_HTTP_ROUTE, path).updateName(`${request.method} ${path}`);
        }
        // exporter-zipkin writes the `error` tag, which turns a span red in Zipkin, only for a status with a message,
        // and instrumentation-http sets none.
        const status = response.statusCode ?? 0;
        if (status >= 500) span.setAttribute('error', String(status));
      },
    }),
    // CLIENT spans: Node's fetch is undici, not node:http
    new UndiciInstrumentation({
      startSpanHook: ({ origin, path }) => ({
        ...withoutQuery(path),
        [ATTR_URL_FULL]: `${origin}${path.split('?')[0]}`,
      }),
      responseHook: (span, { response }) => {
        if (response.statusCode >= 400) span.setAttribute('error', String(response.statusCode)); // as above
      },
    }),
    // trace_id and span_id on every log line written within a request
    new PinoInstrumentation({ disableLogSending: true }),
  ],
});

// What the SDK says of itself goes through the service's log. (After `new NodeSDK`, which sets a logger of its own.)
const { createLogger } = await import('./server/log.ts'); // after register(), or pino would not be patched
const log = createLogger(config).child({ logger: 'opentelemetry' }, { level: 'trace' }); // OTEL_LOG_LEVEL decides
let quietUntil = 0;
diag.setLogger(
  {
    error: (...args) => log.error(format(...args)),
    warn: (...args) => (args[0].startsWith('Dropped ') ? onceAMinute(args[0]) : log.warn(format(...args))),
    info: (...args) => log.info(format(...args)),
    debug: (...args) => log.debug(format(...args)),
    verbose: (...args) => log.trace(format(...args)),
  },
  { logLevel: DiagLogLevel[config.otelLogLevel], suppressOverrideMessage: true },
);
setGlobalErrorHandler(reportLoss);

sdk.start();
onShutdown(() => sdk.shutdown().catch(reportLoss));

function createPropagator(names: string[]): TextMapPropagator | null {
  const known: Record<string, () => TextMapPropagator> = {
    b3multi: () => createB3Propagator(B3InjectEncoding.MULTI_HEADER),
    b3: () => createB3Propagator(B3InjectEncoding.SINGLE_HEADER),
    tracecontext: () => new W3CTraceContextPropagator(),
    baggage: () => new W3CBaggagePropagator(),
  };
  const propagators = names.flatMap((name) => known[name]?.() ?? []);
  return propagators.length > 0 ? new CompositePropagator({ propagators }) : null;
}

/** A query may hold a password. (instrumentation-http knows the names of some parameters that do, instrumentation-undici none.) */
function withoutQuery(url = ''): Attributes {
  return url.includes('?') ? { [ATTR_URL_QUERY]: '[redacted]' } : {};
}

/** Logs that spans could not be sent. By default the SDK does, with a stack, for every batch. */
function reportLoss(error: Exception): void {
  const { message, code = error } = error as { message?: string; code?: string | number };
  onceAMinute(`can't send spans to ${config.backend}: ${message || code}`); // an AggregateError has no message
}

function onceAMinute(what: string): void {
  if (Date.now() < quietUntil) return;
  quietUntil = Date.now() + 60_000;
  diag.error(`${what}. Requests are not affected, but traces may be incomplete. (Said once a minute at most.)`);
}
