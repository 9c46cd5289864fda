import { ClientRequest, type IncomingMessage, ServerResponse } from 'node:http';
import { context } from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import type { HttpInstrumentationConfig } from '@opentelemetry/instrumentation-http';
import { attributesOf } from './attributes-of.ts';
import { redactFullUrl, redactQuery } from './redact-query.ts';
import { correctRoute } from './upstream/instrumentation-express.ts';
import {
  correctIncompleteResponse,
  removeInvalidPort,
  reportIncompleteResponse,
} from './upstream/instrumentation-http.ts';

/** Settings for HttpInstrumentation: spans without the query string, with the route, red if a response is cut short. */
export const httpConfig: HttpInstrumentationConfig = {
  ignoreOutgoingRequestHook: () => isTracingSuppressed(context.active()), // of exporters: they are in no metric, either
  startIncomingSpanHook: (request) => redactQuery(request.url),
  requestHook: (span, request) => {
    if (request instanceof ClientRequest) span.setAttributes(redactFullUrl(`${attributesOf(span)['url.full']}`));
    removeInvalidPort(span);
  },
  responseHook: (span, response) => {
    if (response instanceof ServerResponse) correctRoute(response);
    else reportIncompleteResponse(span, response);
  },
  applyCustomAttributesOnSpan: (span, request, response) => {
    if (response instanceof ServerResponse) correctIncompleteResponse(span, request as IncomingMessage, response);
  },
};
