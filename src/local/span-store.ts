import type { ZipkinSpan } from './span.ts';

const maxSpans = 10_000;
const maxBytes = 64 * 2 ** 20;
const batchesMs = 1000; // two batches (OTEL_BSP_SCHEDULE_DELAY=500)
const missingParentMs = 10_000; // a parent that has not arrived by then may never

/** A span as JSON, with the fields to search by. (The size of JSON is known; an object may keep the whole of a text that was cut.) */
export type KeptSpan = ReturnType<typeof keep>;

function keep(span: ZipkinSpan) {
  const { traceId, id, parentId, timestamp, localEndpoint } = span;
  const serviceName = localEndpoint?.serviceName;
  return { traceId, id, parentId, timestamp, serviceName, receivedAt: Date.now(), json: JSON.stringify(span) };
}

const bytesOf = (json: string) => 2 * json.length; // a character takes one or two

/** Keeps the newest spans. */
export function createSpanStore() {
  const spans = new Map<string, KeptSpan>(); // by their JSON: an exporter may send a span twice
  let bytes = 0;
  function add(span: ZipkinSpan) {
    const kept = keep(span);
    if (spans.has(kept.json)) return;
    spans.set(kept.json, kept);
    bytes += bytesOf(kept.json);
    for (const oldest of spans.keys()) {
      if (spans.size <= maxSpans && bytes <= maxBytes) break;
      spans.delete(oldest);
      bytes -= bytesOf(oldest);
    }
  }
  return { add, all: () => [...spans.values()] };
}

/** Whether more spans of a trace are to be expected. */
export function stateOf(trace: KeptSpan[]): 'arriving' | 'incomplete' | 'complete' {
  const ids = new Set(trace.map(({ id }) => id));
  const lacksParent = trace.some(({ parentId }) => parentId && !ids.has(parentId));
  const quietMs = Date.now() - Math.max(...trace.map(({ receivedAt }) => receivedAt));
  if (quietMs < (lacksParent ? missingParentMs : batchesMs)) return 'arriving';
  return lacksParent ? 'incomplete' : 'complete';
}
