import { ServerResponse } from 'node:http';
import { type Span, SpanStatusCode } from '@opentelemetry/api';
import type { HttpInstrumentationConfig } from '@opentelemetry/instrumentation-http';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Request } from 'express';
import { redactQuery } from './redact-query.ts';

/** For HttpInstrumentation: SERVER spans without the query string, with the route, red if the caller disconnects. */
export const serverSpanConfig: HttpInstrumentationConfig = {
  startIncomingSpanHook: (request) => redactQuery(request.url),
  applyCustomAttributesOnSpan: (span, request, response) => {
    // instrumentation-express compares req.originalUrl, query included, with the route: it leaves http.route out for
    // `/?a=b` and for a path that differs in case. Remove this block when its getActualMatchedRoute (src/utils.ts)
    // ignores both.
    const { route, baseUrl } = request as Request;
    const { attributes } = span as Span & Partial<ReadableSpan>; // the SDK's span can be read, the API's can't
    if (typeof route?.path === 'string' && !attributes?.['http.route']) {
      span.setAttribute('http.route', baseUrl + route.path).updateName(`${request.method} ${baseUrl}${route.path}`);
    }
    // instrumentation-http 0.301 (src/http.ts) reports the default status, 200, if the caller disconnects before the
    // response is sent. Remove this block when it checks response.writableFinished.
    if (response instanceof ServerResponse && !response.writableFinished) {
      span.setAttribute('error.type', 'client_disconnected').setStatus({ code: SpanStatusCode.ERROR });
    }
  },
};
