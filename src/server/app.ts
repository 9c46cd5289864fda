import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import { logRequests } from './log-requests.ts';

/** The Express app that the three services share: `handlers` answer `GET /`. No express.Router here: its span would tell nothing. */
export function createApp(handlers: RequestHandler[], log: Logger): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // a hash of every answer, which nobody asks for again
  app.get('/health', (_req, res) => {
    res.json({ status: 'UP' });
  });
  app.use(logRequests(log));
  app.get('/', handlers);
  app.use((req, res) => {
    res.status(404).json({ error: `${req.method} ${req.path} is not here: GET / and GET /health are` });
  });
  app.use(answerError(log));
  return app;
}

/** An error with a 4xx status keeps it, any other is a 500 and is logged. The answer has the message, never the stack. */
function answerError(log: Logger): ErrorRequestHandler {
  return (error, _req, res, next) => {
    const { message = String(error), status = 500 } = error ?? {};
    const isCallersFault = status >= 400 && status < 500;
    if (!isCallersFault) log.error(message);
    if (res.headersSent) return next(error);
    res.status(isCallersFault ? status : 500).json({ error: message });
  };
}
