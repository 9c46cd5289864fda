// The trace viewer of `npm start` and the tests, in Zipkin's place; no part of what the demo teaches. It has the part of Zipkin's
// API v2 (https://zipkin.io/zipkin-api/) that the demo needs, and two pages at Zipkin's own paths.
import { fileURLToPath } from 'node:url';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { protect } from './protect.ts';
import { parseSpans, parseTraceId } from './span.ts';
import { createSpanStore, type KeptSpan, stateOf } from './span-store.ts';

export type { ZipkinSpan } from './span.ts';

const files = fileURLToPath(new URL('viewer', import.meta.url));

/** An Express app that takes spans in Zipkin's format, keeps the newest of them in memory and shows them. */
export function createViewer({ service1Url = 'http://localhost:5001' } = {}): Express {
  const store = createSpanStore();
  const traceOf = (id: string) => {
    const wanted = parseTraceId(id);
    return store.all().filter(({ traceId }) => traceId === wanted);
  };
  const newestTraces = () =>
    [...Map.groupBy(store.all(), ({ traceId }) => traceId).values()].sort((a, b) => startOf(b) - startOf(a));

  const app = express();
  app.disable('x-powered-by');
  app.use(protect);

  app.post('/api/v2/spans', express.json({ type: () => true, strict: false, limit: '10mb' }), (req, res) => {
    for (const span of parseSpans(req.body)) store.add(span);
    res.status(202).end();
  });
  app.get('/api/v2/trace/:id', (req, res) => {
    const trace = traceOf(req.params.id);
    if (trace.length === 0) res.status(404).json({ error: `not found: trace ${req.params.id}` });
    else res.type('json').send(toJson(trace));
  });
  app.get('/api/v2/traces', (req, res) => {
    const { serviceName, limit = '10' } = req.query;
    if (!/^[1-9]\d{0,5}$/.test(`${limit}`)) {
      const error = `limit=${JSON.stringify(limit)}: must be an integer from 1 to 999999`;
      return void res.status(400).json({ error });
    }
    const traces = newestTraces().filter((trace) => !serviceName || trace.some((s) => s.serviceName === serviceName));
    res.type('json').send(`[${traces.slice(0, Number(limit)).map(toJson).join()}]`);
  });
  app.get('/health', (_req, res) => void res.json({ status: 'UP' }));

  app.get('/', (_req, res) => res.redirect('/zipkin/'));
  app.get(['/zipkin/', '/zipkin/traces/:id'], (_req, res) => res.sendFile('index.html', { root: files }));
  app.get('/zipkin/traces', (req, res) => {
    const id = `${req.query.id}`.trim().toLowerCase();
    res.redirect(`/zipkin/traces/${encodeURIComponent(id)}`);
  });
  app.get('/viewer/service1', (_req, res) => res.redirect(service1Url));
  app.get('/viewer/traces{/:id}', (req, res) => {
    const traces = req.params.id ? [traceOf(req.params.id)] : newestTraces().slice(0, 50);
    const withState = traces.map((trace) => `{"state":"${stateOf(trace)}","spans":${toJson(trace)}}`);
    res.type('json').send(`[${withState.join()}]`);
  });
  app.use('/viewer', express.static(files));

  app.use((req, res) => {
    res.status(404).json({ error: `not found: ${req.method} ${req.path} (this is the demo's viewer, not Zipkin)` });
  });
  app.use(((error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ error: error.message });
  }) satisfies ErrorRequestHandler);
  return app;
}

const toJson = (trace: KeptSpan[]) => `[${trace.map(({ json }) => json).join()}]`;
const startOf = (trace: KeptSpan[]) => Math.min(...trace.map(({ timestamp }) => timestamp || Number.MAX_SAFE_INTEGER));
