import type { RequestHandler } from 'express';
import type { Logger } from 'pino';

/** Logs each request when it is over: method, route, status and milliseconds. Never the query: it may hold a secret. */
export function logRequests(log: Logger): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    res.on('close', () => {
      const status = res.writableFinished ? res.statusCode : 499; // nginx's code for a caller that disconnected
      const ms = Math.round(performance.now() - start);
      const { method, route } = req;
      log.info({ method, route: route?.path, status, ms }, `${method} ${route?.path ?? req.path} ${status}`);
    });
    next();
  };
}
