import type { RequestHandler } from 'express';
import pino, { type Logger } from 'pino';
import type { Config } from '../config.ts';

/** Writes a line of JSON per event to stdout. Within a request, instrumentation-pino adds trace_id and span_id to it. */
export function createLogger({ serviceName, logLevel }: Pick<Config, 'serviceName' | 'logLevel'>): Logger {
  return pino({
    level: logLevel,
    base: { service: serviceName },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) }, // "error" rather than 50
  });
}

/** Writes a line per request once it is over: what it was, how it ended, how many milliseconds it took. Never the query: it may hold a secret. */
export function logRequests(log: Logger): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    res.on('close', () => {
      const status = res.writableFinished ? res.statusCode : 499; // nginx's code for a caller who went away
      const ms = Math.round(performance.now() - start);
      const { method, route } = req;
      log.info({ method, route: route?.path, status, ms }, `${method} ${route?.path ?? req.path} ${status}`);
    });
    next();
  };
}
