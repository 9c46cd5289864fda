// The trace viewer of `npm start` and the tests, in Zipkin's place; no part of what the demo teaches. It has the part
// of Zipkin's API v2 (https://zipkin.io/zipkin-api/) that the demo needs, and two pages at Zipkin's own paths.
import { fileURLToPath } from 'node:url';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { bytesOf, decodeJson, readBody } from './decode.ts';
import { createOtlpRouter } from './otlp-http.ts';
import { toText } from './page/text.js';
import { stateOf, summarize } from './page/trace.js';
import { protect } from './protect.ts';
import { parseLimit, parseSpans, parseTraceId, type ZipkinSpan } from './span.ts';
import { createSpanStore, type KeptSpan } from './span-store.ts';

const pathOf = (folder: string) => fileURLToPath(new URL(folder, import.meta.url));

/** An Express app that takes spans in Zipkin's format and as OTLP, and shows those that the store keeps. */
export function createViewer({ service1Url = 'http://localhost:5001', store = createSpanStore() } = {}): Express {
  const traceOf = (id: string) => store.traces().get(parseTraceId(id)) ?? [];
  const newestTraces = () => [...store.traces().values()].reverse();
  const app = express();
  app.disable('x-powered-by');
  app.use(protect);

  app.post('/api/v2/spans', readBody, (req, res) => {
    for (const span of parseSpans(decodeJson(bytesOf(req)))) store.add(span);
    res.status(202).end();
  });
  app.use(createOtlpRouter(store.add));
  app.get('{/zipkin}/api/v2/trace/:id', (req, res) => {
    const trace = traceOf(req.params.id);
    res.status(trace.length > 0 ? 200 : 404);
    res.type('json').send(toJson(trace));
  });
  app.get('/api/v2/traces', (req, res) => {
    const { serviceName, limit = '10' } = req.query;
    const traces = newestTraces().filter((trace) => !serviceName || trace.some((s) => s.service === serviceName));
    res.type('json').send(`[${traces.slice(0, parseLimit(limit)).map(toJson)}]`);
  });
  app.get('/health', (_req, res) => void res.json({ status: 'UP', viewer: {} }));

  app.get('/', (_req, res) => res.redirect('/zipkin/'));
  app.get('/zipkin/traces/:id', (req, res, next) => {
    if (req.accepts('html', 'text') !== 'text') return next();
    const trace = toTrace(traceOf(req.params.id));
    const url = `${req.protocol}://${req.get('host')}${req.path}`;
    res.status(trace.spans.length > 0 ? 200 : 404);
    res.type('text').send(toText(trace, url));
  });
  app.get(['/zipkin/', '/zipkin/traces/:id'], (_req, res) => res.sendFile('index.html', { root: pathOf('page') }));
  app.get('/zipkin/traces', ({ query }, res) => {
    const id = `${query.id}`.trim().replace(/^https?:\/\/.*\/traces?\/([^/?#]+).*$/, '$1'); // of a trace_url
    res.redirect(`/zipkin/traces/${encodeURIComponent(id)}`);
  });
  app.get('/viewer/service1', (_req, res) => res.redirect(service1Url));
  app.get('/viewer/traces', (_req, res) => {
    const newest = newestTraces().slice(0, 50);
    res.json(newest.map((trace) => summarize(toTrace(trace))));
  });
  app.get('/viewer/traces/:id', (req, res) => {
    const kept = traceOf(req.params.id);
    res.type('json').send(`[{"state":"${stateNow(kept)}","spans":${toJson(kept)}}]`);
  });
  app.use('/viewer', express.static(pathOf('page')));
  app.get('/viewer/shared.css', (_req, res) => res.sendFile('shared.css', { root: pathOf('../../src/server/page') }));
  app.use('/viewer/lit-html', express.static(pathOf('../../node_modules/lit-html')));

  app.use(reportError);
  return app;
}

const reportError: ErrorRequestHandler = (error, _req, res, _next) =>
  void res.status(error.status ?? 500).json({ error: error.message });
const stateNow = (kept: KeptSpan[]) =>
  stateOf(kept, Date.now() - Math.max(...kept.map(({ receivedAt }) => receivedAt)));
/** A trace as the pages have it. */
const toTrace = (kept: KeptSpan[]) => ({
  state: stateNow(kept),
  spans: JSON.parse(toJson(kept)) as ZipkinSpan[],
});
const toJson = (trace: KeptSpan[]) => `[${trace.map(({ json }) => json)}]`;
