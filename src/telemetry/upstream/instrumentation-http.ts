import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Span, SpanStatusCode } from '@opentelemetry/api';
import { attributesOf } from '../attributes-of.ts';
import { callerDisconnected } from '../caller-disconnected.ts';

/**
 * instrumentation-http 0.301 (src/utils.ts) sets server.port to NaN for `Host: x:abc`: Jaeger's list of traces would
 * respond 500 from then on. Upstream: instrumentation-http: server.port is NaN
 */
export function removeInvalidPort(span: Span): void {
  const { 'server.port': port = 0 } = attributesOf(span);
  const isPort = Number.isInteger(port) && Number(port) >= 0 && Number(port) < 65_536;
  if (!isPort) delete attributesOf(span)['server.port'];
}

/**
 * instrumentation-http 0.301 (src/http.ts) takes the close of a response for its end: a response that was broken off, or
 * never sent, would be a success with the status 200. Upstream: instrumentation-http: incomplete responses
 */
export function correctIncompleteResponse(span: Span, request: IncomingMessage, response: ServerResponse): void {
  if (!response.headersSent) delete attributesOf(span)['http.response.status_code'];
  if (response.writableFinished) return;
  const { errored } = response;
  const hasLeft = callerDisconnected(request, response);
  const errorType = hasLeft ? 'client_disconnected' : (errored?.name ?? 'incomplete_response');
  const message = errored?.message || errorType;
  span.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR, message });
}

/**
 * instrumentation-http 0.301 (src/http.ts) ends a CLIENT span at the request's `close`, before the response's error: a
 * response that is cut short would be a success. Upstream: instrumentation-http: incomplete responses
 */
export function reportIncompleteResponse(span: Span, response: IncomingMessage): void {
  // Of the response's events, this deprecated one alone comes before the request's `close`.
  response.once('aborted', () => {
    const message = 'incomplete_response';
    span.setAttribute('error.type', message).setStatus({ code: SpanStatusCode.ERROR, message });
  });
}
