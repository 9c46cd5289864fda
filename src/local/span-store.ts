import type { ZipkinSpan } from './span.ts';

const maxSpans = 10_000;
const maxBytes = 64 * 2 ** 20;
const batchesMs = 1000; // two batches (OTEL_BSP_SCHEDULE_DELAY=500)
const missingParentMs = 10_000; // a parent that has not arrived by then may never

/** A span as JSON, with the fields to search by. (The size of JSON is exact; an object may keep the whole of a text that was cut.) */
export type KeptSpan = ReturnType<typeof keep>;

function keep(span: ZipkinSpan) {
  const { traceId, id, parentId, timestamp, localEndpoint } = span;
  const json = Buffer.from(JSON.stringify(span));
  return { traceId, id, parentId, timestamp, serviceName: localEndpoint?.serviceName, receivedAt: Date.now(), json };
}

/** Keeps the newest spans. */
export function createSpanStore() {
  const spans: KeptSpan[] = [];
  let bytes = 0;
  function add(span: ZipkinSpan) {
    const kept = keep(span);
    if (spans.some(({ id, json }) => id === kept.id && json.equals(kept.json))) return; // an exporter sent it again
    spans.push(kept);
    bytes += kept.json.length;
    while (spans.length > maxSpans || bytes > maxBytes) bytes -= spans.shift()?.json.length ?? 0;
  }
  return { spans: spans as readonly KeptSpan[], add };
}

/** Whether more spans of a trace are to be expected. */
export function stateOf(trace: KeptSpan[]): 'arriving' | 'incomplete' | 'complete' {
  const ids = new Set(trace.map(({ id }) => id));
  const lacksParent = trace.some(({ parentId }) => parentId && !ids.has(parentId));
  const quietMs = Date.now() - Math.max(...trace.map(({ receivedAt }) => receivedAt));
  if (quietMs < (lacksParent ? missingParentMs : batchesMs)) return 'arriving';
  return lacksParent ? 'incomplete' : 'complete';
}
