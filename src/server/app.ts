import type { RequestListener } from 'node:http';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import { type CallerDisconnected, logRequests } from './log-requests.ts';

/** The app that the three services share. `handlers` respond to `GET /`. */
export function createApp(
  handlers: RequestHandler[],
  log: Logger,
  callerDisconnected: CallerDisconnected,
): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // clients never revalidate
  // with a newline at the end, so that the prompt after curl is on a line of its own
  app.response.json = function (body) {
    return this.type('json').send(`${JSON.stringify(body)}\n`);
  };
  app.get('/health', (_req, res) => {
    // before logRequests: probes are not logged
    res.json({ status: 'UP' });
  });
  app.use(logRequests(log, callerDisconnected));
  app.get('/', handlers);
  app.use((req, res) => {
    res.status(404).json({ error: `not found: ${req.method} ${req.path}` });
  });
  app.use(respondToErrors(log));
  // If the URL has no path (`GET http://`), Express runs no handler. Its own response would be an HTML page.
  // Upstream: express: URL without a path
  const listener: RequestHandler = (req, res) =>
    app(req, res, () => {
      log.info({ method: req.method, status: 400 }, `${req.method} 400: the URL has no path`);
      res.status(400).json({ error: 'the URL has no path' });
    });
  return listener as RequestListener;
}

/** An error with a 4xx status keeps it; any other is a 500 and is logged. The response has the message, no stack. */
function respondToErrors(log: Logger): ErrorRequestHandler {
  return (error, _req, res, _next) => {
    const { message = String(error), status = 500 } = error ?? {};
    const isCallersError = status >= 400 && status < 500;
    if (!isCallersError) log.error(message);
    if (res.headersSent) return res.destroy();
    res.status(isCallersError ? status : 500).json({ error: message });
  };
}
