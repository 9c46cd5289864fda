import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';

/** Whether a response is incomplete because the caller disconnected. */
export type CallerDisconnected = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Logs each request when it is over: method, route, status and milliseconds. Never the query: it may hold a secret. */
export function logRequests(log: Logger, callerDisconnected: CallerDisconnected): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    res.on('close', () => {
      const { method, route } = req;
      const ms = Math.round(performance.now() - start);
      const hasLeft = callerDisconnected(req, res);
      const status = hasLeft ? 499 : res.headersSent ? res.statusCode : undefined; // 499: as in nginx
      const note = hasLeft || res.writableFinished ? undefined : 'incomplete response';
      const text = [method, route?.path ?? req.path, status, note].filter(Boolean).join(' ');
      log.info({ method, route: route?.path, status, ms }, text);
    });
    next();
  };
}
