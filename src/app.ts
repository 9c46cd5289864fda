import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';

/** The Express app that the three services share: `handler` answers `GET /`. No express.Router here: its span would tell nothing. */
export function createApp(handler: RequestHandler): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/', handler);
  app.get('/health', (_req, res) => {
    res.json({ status: 'UP' });
  });
  app.use((req, res) => {
    res.status(404).json({ error: `${req.method} ${req.path} is not here: GET / and GET /health are` });
  });
  app.use(answerError);
  return app;
}

/** An error with a 4xx status keeps it, any other is a 500. The answer has the message, never the stack. */
const answerError: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error);
  const status = error?.status >= 400 && error?.status < 500 ? error.status : 500;
  res.status(status).json({ error: String(error?.message ?? error) });
};
