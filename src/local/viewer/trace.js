import { count, el, formatDuration, hueOf } from './dom.js';

export const isFailed = (span) => span.tags?.error !== undefined;
export const serviceOf = (span) => span.localEndpoint?.serviceName ?? 'unknown service';
export const serviceName = (name) => el('span', `service ${hueOf(name)}`, name);

/** The tree of a trace as a list of { span, depth, note }. Every span is in it, also without its parent or in a cycle. */
export function toTree(spans) {
  const byStart = spans.toSorted((a, b) => (a.timestamp || Infinity) - (b.timestamp || Infinity) || 0);
  const byId = Map.groupBy(spans, ({ id }) => id);
  const childrenOf = Map.groupBy(byStart, parentOf);
  const nodes = new Map();
  for (const span of childrenOf.get(undefined) ?? []) addTree(span, span.parentId && 'parent not received');
  for (const span of byStart) if (!nodes.has(span)) addTree(span, 'its parents form a cycle');
  return [...nodes.values()];

  /** In B3 a client and a server may share an id: then the client is the server's parent, and the server is its children's. */
  function parentOf(span) {
    const client = span.shared && byId.get(span.id).find(({ shared }) => !shared);
    const parents = byId.get(span.parentId) ?? [];
    return client || (parents.find(({ shared }) => shared) ?? parents[0]);
  }

  function addTree(root, note) {
    const stack = [{ span: root, depth: 0, note }]; // no recursion: a trace may be deeper than the engine's stack
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (nodes.has(node.span)) continue;
      nodes.set(node.span, node);
      const children = childrenOf.get(node.span) ?? [];
      for (const span of children.toReversed()) stack.push({ span, depth: node.depth + 1 });
    }
  }
}

/** When a trace starts (microseconds since 1970) and how long it takes; nothing if no span has a timestamp. */
export function timesOf(spans) {
  const timed = spans.filter(({ timestamp }) => timestamp);
  if (timed.length === 0) return {};
  const start = Math.min(...timed.map(({ timestamp }) => timestamp));
  const end = Math.max(...timed.map(({ timestamp, duration = 0 }) => timestamp + duration));
  return { start, duration: end - start };
}

/** A trace in a line; without totals as long as they would be wrong. */
export function summarize({ state, spans }) {
  if (state === 'arriving') return [el('span', 'note', 'still arriving …')];
  const failed = spans.filter(isFailed).length;
  const services = new Set(spans.map(serviceOf));
  return [
    el('span', 'total', formatDuration(timesOf(spans).duration)),
    el('span', 'spans', count(spans.length, 'span')),
    el('span', 'services', ...[...services].sort().map(serviceName)),
    el('span', 'failed', failed ? `failed (${count(failed, 'span')})` : ''),
    el('span', 'note', state === 'incomplete' ? 'incomplete: parent not received' : ''),
  ];
}
