// An embedded stand-in for Zipkin, for `npm start` and the tests: no part of what the demo teaches.
// It has the part of Zipkin's API v2 (https://zipkin.io/zipkin-api/) that the demo needs, and two pages at Zipkin's own paths.
import { fileURLToPath } from 'node:url';
import express, { type ErrorRequestHandler, type Express } from 'express';

/** How many spans are kept; older ones make room for newer ones. */
export const maxSpans = 10_000;

/** A span as Zipkin's API v2 writes it; timestamp (since 1970) and duration are in microseconds. */
export type ZipkinSpan = {
  traceId: string;
  id: string;
  parentId?: string;
  kind?: string;
  name?: string;
  timestamp?: number;
  duration?: number;
  localEndpoint?: { serviceName?: string };
  tags?: Record<string, string>;
  annotations?: { timestamp: number; value: string }[];
};

/** An Express app that takes spans in Zipkin's format, keeps the newest of them in memory and shows them. */
export function createViewer(): Express {
  let spans: ZipkinSpan[] = [];
  const app = express();
  app.disable('x-powered-by');

  app.post('/api/v2/spans', express.json({ type: () => true, strict: false, limit: '10mb' }), (req, res) => {
    const fault = faultOf(req.body);
    if (fault) return void res.status(400).json({ error: fault });
    spans = spans.concat(req.body.map(normalize)).slice(-maxSpans);
    res.status(202).end();
  });

  app.get('/api/v2/trace/:traceId', (req, res) => {
    const { traceId } = req.params;
    if (!isId(traceId, 32))
      return void res.status(400).json({ error: `trace id ${JSON.stringify(traceId)}: ${idRule(32)}` });
    const trace = spans.filter((span) => span.traceId === normalizeTraceId(traceId));
    if (trace.length === 0) return void res.status(404).json({ error: `trace ${traceId} is not here` });
    res.json(trace);
  });

  app.get('/api/v2/traces', (req, res) => {
    const { serviceName, limit = '10' } = req.query;
    if (!/^[1-9]\d{0,5}$/.test(String(limit))) {
      return void res
        .status(400)
        .json({ error: `limit=${JSON.stringify(limit)}: must be an integer from 1 to 999999` });
    }
    const traces = [...Map.groupBy(spans, (span) => span.traceId).values()]
      .filter((trace) => !serviceName || trace.some((span) => span.localEndpoint?.serviceName === serviceName))
      .sort((a, b) => startOf(b) - startOf(a));
    res.json(traces.slice(0, Number(limit)));
  });

  app.get('/api/v2/services', (_req, res) => {
    res.json([...new Set(spans.flatMap((span) => span.localEndpoint?.serviceName ?? []))].sort());
  });

  app.get('/health', (_req, res) => {
    res.json({ status: 'UP' });
  });

  app.get('/', (_req, res) => res.redirect('/zipkin/'));
  const page = fileURLToPath(new URL('viewer.html', import.meta.url));
  app.get(['/zipkin/', '/zipkin/traces/:traceId'], (_req, res) => res.sendFile(page));

  app.use((req, res) => {
    res.status(404).json({ error: `${req.method} ${req.path} is not part of this stand-in for Zipkin` });
  });
  app.use(((error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ error: error.message });
  }) satisfies ErrorRequestHandler);
  return app;
}

const isId = (value: unknown, digits: number) =>
  typeof value === 'string' && value.length <= digits && /^[0-9a-f]+$/.test(value) && !/^0+$/.test(value);
const idRule = (digits: number) => `must be 1 to ${digits} lower-case hex digits, not all zeros`;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isMicros = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** What is wrong with a POSTed list of spans; undefined where nothing is. */
function faultOf(body: unknown): string | undefined {
  if (!Array.isArray(body)) return 'the body must be a JSON list of spans';
  for (const [index, span] of body.entries()) {
    const fault = faultOfSpan(span);
    if (fault) return `span ${index}: ${fault}`;
  }
  return undefined;
}

function faultOfSpan(span: unknown): string | undefined {
  if (!isObject(span)) return 'must be an object';
  if (!isId(span.traceId, 32)) return `traceId ${idRule(32)}`;
  if (!isId(span.id, 16)) return `id ${idRule(16)}`;
  const { parentId, kind, name, timestamp, duration, localEndpoint, tags, annotations } = span;
  if (parentId !== undefined && !isId(parentId, 16)) return `parentId ${idRule(16)}`;
  if (kind !== undefined && typeof kind !== 'string') return 'kind must be a string';
  if (name !== undefined && typeof name !== 'string') return 'name must be a string';
  if (timestamp !== undefined && !isMicros(timestamp)) return 'timestamp must be a number of microseconds';
  if (duration !== undefined && !isMicros(duration)) return 'duration must be a number of microseconds';
  if (
    localEndpoint !== undefined &&
    !(isObject(localEndpoint) && ['string', 'undefined'].includes(typeof localEndpoint.serviceName))
  )
    return 'localEndpoint.serviceName must be a string';
  if (tags !== undefined && !(isObject(tags) && Object.values(tags).every((value) => typeof value === 'string')))
    return 'tags must be an object of strings';
  if (
    annotations !== undefined &&
    !(
      Array.isArray(annotations) &&
      annotations.every((a) => isObject(a) && isMicros(a.timestamp) && typeof a.value === 'string')
    )
  )
    return 'annotations must be a list of {timestamp, value}';
  return undefined;
}

/** As Zipkin does: ids of 16 or 32 digits, names in lower case. */
function normalize(span: ZipkinSpan): ZipkinSpan {
  const serviceName = span.localEndpoint?.serviceName?.toLowerCase();
  return {
    ...span,
    traceId: normalizeTraceId(span.traceId),
    id: span.id.padStart(16, '0'),
    ...(span.parentId && { parentId: span.parentId.padStart(16, '0') }),
    ...(span.name && { name: span.name.toLowerCase() }),
    ...(serviceName && { localEndpoint: { ...span.localEndpoint, serviceName } }),
  };
}

function normalizeTraceId(id: string): string {
  const digits = id.replace(/^0+/, '');
  return digits.padStart(digits.length > 16 ? 32 : 16, '0');
}

function startOf(trace: ZipkinSpan[]): number {
  return Math.min(...trace.map((span) => span.timestamp ?? Number.POSITIVE_INFINITY));
}
