import type { ZipkinSpan } from './span.ts';

const maxSpans = 10_000;
const maxBytes = 64 * 2 ** 20;

export type KeptSpan = ReturnType<typeof keep>;

function keep(span: ZipkinSpan) {
  const { traceId, id, parentId, localEndpoint } = span;
  const json = JSON.stringify(span); // its size is known; the object may keep the whole of a text that was cut
  return { traceId, id, parentId, service: localEndpoint?.serviceName, receivedAt: Date.now(), json };
}

/** Keeps the newest spans. */
export function createSpanStore() {
  const spans = new Map<string, KeptSpan>(); // by their JSON: an exporter may send a span twice
  let bytes = 0;
  function add(span: ZipkinSpan) {
    const added = keep(span);
    if (spans.has(added.json)) return;
    spans.set(added.json, added);
    bytes += 2 * added.json.length; // a character takes one or two
    for (const oldest of spans.keys()) {
      if (spans.size <= maxSpans && bytes <= maxBytes) break;
      spans.delete(oldest);
      bytes -= 2 * oldest.length;
    }
  }
  return { add, traces: () => Map.groupBy(spans.values(), ({ traceId }) => traceId) };
}
