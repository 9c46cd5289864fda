// Tracing, set up before anything else runs: `node --import ./src/telemetry.ts src/main.ts`.
// The only file that knows the SDK. The services use @opentelemetry/api, which does nothing where this file is not loaded.
import { defaultTextMapGetter, type TextMapPropagator } from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin';
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { ATTR_HTTP_ROUTE, ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { Request } from 'express';
import { register } from 'import-in-the-middle/register-hooks.mjs';
import { loadConfig } from './config.ts';
import { onShutdown } from './shutdown.ts';

const config = loadConfig();

// ES modules can't be patched once they are loaded: this hook must stand before Express is imported. Without it nothing warns,
// but the spans of incoming requests have no http.route.
register({ include: ['express'] });

const untraced = new Set(['/health', '/favicon.ico']);

const sdk = new NodeSDK({
  // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins over this.
  resource: defaultResource().merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: config.serviceName })),
  // Where to: OTEL_TRACES_EXPORTER, or else Zipkin, at OTEL_EXPORTER_ZIPKIN_ENDPOINT.
  traceExporter: config.otelTracesExporter ? undefined : new ZipkinExporter(),
  // How a trace gets from one service to the next: OTEL_PROPAGATORS, or else the X-B3-* headers.
  textMapPropagator: propagator(config.otelPropagators ?? ['b3multi']),
  instrumentations: [
    // SERVER spans
    new HttpInstrumentation({
      ignoreIncomingRequestHook: (request) => untraced.has(request.url?.split('?')[0] ?? ''),
      applyCustomAttributesOnSpan: (span, request, response) => {
        // instrumentation-express finds no route for `/` where a query string follows: it compares the whole URL with "/".
        const route = (request as Request).route?.path;
        if (route) span.setAttribute(ATTR_HTTP_ROUTE, route).updateName(`${request.method} ${route}`);
        // exporter-zipkin writes the `error` tag, which turns a span red in Zipkin, only for a status with a message,
        // and instrumentation-http sets none.
        const status = response.statusCode ?? 0;
        if (status >= 500) span.setAttribute('error', String(status));
      },
    }),
    // http.route on the SERVER spans; no spans of its own, they would say nothing here
    new ExpressInstrumentation({
      ignoreLayersType: [ExpressLayerType.MIDDLEWARE, ExpressLayerType.REQUEST_HANDLER, ExpressLayerType.ROUTER],
    }),
    // CLIENT spans: Node's fetch is undici, not node:http
    new UndiciInstrumentation({
      responseHook: (span, { response }) => {
        if (response.statusCode >= 400) span.setAttribute('error', String(response.statusCode)); // as above
      },
    }),
  ],
});
sdk.start();
onShutdown(() => sdk.shutdown());

/** The propagators of these names (OTEL_PROPAGATORS), as one; null where there are none. */
function propagator(names: string[]): TextMapPropagator | null {
  const known: Record<string, () => TextMapPropagator> = {
    b3multi: () => lowerCaseIds(new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER })),
    b3: () => lowerCaseIds(new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER })),
    tracecontext: () => new W3CTraceContextPropagator(),
    baggage: () => new W3CBaggagePropagator(),
  };
  const propagators = names.flatMap((name) => known[name]?.() ?? []);
  return propagators.length > 0 ? new CompositePropagator({ propagators }) : null;
}

/**
 * B3Propagator takes upper-case ids as they come; Zipkin refuses them, and with them the whole batch in which they arrive:
 * without this, any caller could erase other people's traces. B3 ids are lower-case (https://github.com/openzipkin/b3-propagation).
 */
function lowerCaseIds(b3: B3Propagator): TextMapPropagator {
  return {
    inject: b3.inject.bind(b3),
    fields: b3.fields.bind(b3),
    extract: (context, carrier) =>
      b3.extract(context, carrier, {
        keys: defaultTextMapGetter.keys,
        get: (headers, name) => {
          const value = defaultTextMapGetter.get(headers, name);
          return typeof value === 'string' ? value.toLowerCase() : value;
        },
      }),
  };
}
