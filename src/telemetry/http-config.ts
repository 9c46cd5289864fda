import { ClientRequest, ServerResponse } from 'node:http';
import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api';
import type { HttpInstrumentationConfig } from '@opentelemetry/instrumentation-http';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Request, Response } from 'express';
import { callerDisconnected } from './caller-disconnected.ts';
import { expressRoute } from './express-route.ts';
import { redactFullUrl, redactQuery } from './redact-query.ts';

/** Settings for HttpInstrumentation: spans without the query string, with the route, red if a response is cut short. */
export const httpConfig: HttpInstrumentationConfig = {
  startIncomingSpanHook: (request) => redactQuery(request.url),
  requestHook: (span, request) => {
    const attributes = attributesOf(span);
    if (request instanceof ClientRequest) span.setAttributes(redactFullUrl(`${attributes['url.full']}`));
    // instrumentation-http 0.301 (src/utils.ts) makes it NaN for `Host: x:abc`: Jaeger's list of traces would respond
    // 500 from then on. Remove this line when it checks the port (docs/upstream.md).
    if (!isPort(attributes['server.port'])) delete attributes['server.port'];
  },
  applyCustomAttributesOnSpan: (span, request, response) => {
    if (!(response instanceof ServerResponse)) return;
    const attributes = attributesOf(span);
    correctRoute(span, attributes, request as Request, response as Response);

    // instrumentation-http 0.301 (src/http.ts) reports the default status, 200, even if no response was sent, and no
    // error if it is incomplete. Remove this block when it checks response.headersSent and response.writableFinished
    // (docs/upstream.md).
    if (!response.headersSent) delete attributes['http.response.status_code'];
    if (response.writableFinished) return;
    const { errored } = response;
    const hasLeft = callerDisconnected(request as Request, response);
    const errorType = hasLeft ? 'client_disconnected' : (errored?.name ?? 'incomplete_response');
    const message = errored?.message || errorType;
    span.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR, message });
  },
};

const isPort = (port: unknown) => Number.isInteger(port) && Number(port) >= 0 && Number(port) < 65_536;

function correctRoute(span: Span, attributes: Attributes, request: Request, response: Response): void {
  const packageRoute = attributes['http.route'] as string | undefined;
  const route = expressRoute(request, response, packageRoute);
  if (route === packageRoute) return;
  if (!route) delete attributes['http.route'];
  span.setAttributes({ 'http.route': route }).updateName(route ? `${request.method} ${route}` : request.method);
}

/** The SDK's spans can be read, and attributes be removed. The API's can't. */
const attributesOf = (span: Span): Attributes => (span as Span & Partial<ReadableSpan>).attributes ?? {};
