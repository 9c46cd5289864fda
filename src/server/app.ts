import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import { logRequests } from './log-requests.ts';

/** The Express app that the three services share. `handlers` respond to `GET /`. */
export function createApp(handlers: RequestHandler[], log: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // clients never revalidate
  app.get('/health', (_req, res) => {
    res.json({ status: 'UP' });
  });
  app.use(logRequests(log));
  app.get('/', handlers);
  app.use((req, res) => {
    res.status(404).json({ error: `not found: ${req.method} ${req.path}` });
  });
  app.use(respondToErrors(log));
  return app;
}

/** An error with a 4xx status keeps it; any other is a 500 and is logged. The response has the message, never the stack. */
function respondToErrors(log: Logger): ErrorRequestHandler {
  return (error, _req, res, next) => {
    const { message = String(error), status = 500 } = error ?? {};
    const isCallersError = status >= 400 && status < 500;
    if (!isCallersError) log.error(message);
    if (res.headersSent) return next(error);
    res.status(isCallersError ? status : 500).json({ error: message });
  };
}
