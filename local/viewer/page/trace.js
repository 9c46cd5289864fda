// No lit-html: the server imports this file, too.

/**
 * @import { ZipkinSpan } from '../span.ts'
 * @typedef {{ state: 'arriving' | 'incomplete' | 'complete', spans: ZipkinSpan[] }} Trace
 * @typedef {ReturnType<typeof summarize>} Summary
 */

const batchesMs = 1000; // two batches (OTEL_BSP_SCHEDULE_DELAY=500)
const missingParentMs = 10_000; // a parent that has not arrived by then may never

/**
 * Whether there is an `error` tag. Some tracers set it to false.
 * @param {Pick<ZipkinSpan, 'tags'>} span
 */
export const isFailed = ({ tags: { error } = {} }) => error !== undefined && error !== 'false';
/**
 * Why a span failed: its `error` tag. A Collector's exporter writes `true`, and the reason beside it.
 * @param {Pick<ZipkinSpan, 'tags'>} span
 */
export function reasonOf({ tags: { error = '', 'otel.status_description': description } = {} }) {
  return (error === 'true' && description) || error;
}
/** @param {ZipkinSpan} span */
export const serviceOf = (span) => span.localEndpoint?.serviceName || 'unknown service';

/**
 * Siblings are sorted by start. Those that start at the same moment: the longer first, then by name.
 * @param {ZipkinSpan} a
 * @param {ZipkinSpan} b
 */
function compareStarts(a, b) {
  if (!a.timestamp || !b.timestamp) return Number(!a.timestamp) - Number(!b.timestamp);
  return (
    a.timestamp - b.timestamp || (b.duration ?? 0) - (a.duration ?? 0) || (a.name ?? '').localeCompare(b.name ?? '')
  );
}

/**
 * The tree of a trace as a list of { span, depth }. Every span is in it, also without its parent or in a cycle.
 * @param {ZipkinSpan[]} spans
 */
export function toTree(spans) {
  // With Zipkin's own libraries a SERVER span may share the id of the CLIENT span that called it: it is that span's
  // child. Not all of them say `shared`.
  const clientIds = new Set(spans.filter(({ kind }) => kind === 'CLIENT').map(({ id }) => id));
  /** @param {ZipkinSpan} span */
  const isShared = ({ id, kind, shared }) => shared || (kind === 'SERVER' && clientIds.has(id));
  /** @param {ZipkinSpan} span */
  const keyOf = (span) => (isShared(span) ? `${span.id} shared` : span.id);
  const keys = new Set(spans.map(keyOf));
  /** @param {ZipkinSpan} span */
  const parentOf = (span) =>
    [isShared(span) && span.id, `${span.parentId} shared`, span.parentId].find((key) => keys.has(key));
  const byStart = spans.toSorted(compareStarts);
  const childrenOf = Map.groupBy(byStart, parentOf);
  const roots = childrenOf.get(undefined) ?? [];
  // All spans follow the roots: those that are not below one are in a cycle. No recursion: a trace may be deeper than
  // the stack.
  const stack = [...roots, ...byStart].reverse().map((span) => ({ span, depth: 0 }));
  const nodes = new Map();
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (nodes.has(node.span)) continue;
    nodes.set(node.span, node);
    const children = childrenOf.get(keyOf(node.span)) ?? [];
    stack.push(...children.toReversed().map((span) => ({ span, depth: node.depth + 1 })));
  }
  return [...nodes.values()];
}

/**
 * Whether more spans of a trace are to be expected, if none has come for `quietMs`.
 * @param {Pick<ZipkinSpan, 'id' | 'parentId'>[]} spans
 * @returns {Trace['state']}
 */
export function stateOf(spans, quietMs) {
  const ids = new Set(spans.map(({ id }) => id));
  const lacksParent = spans.some(({ parentId }) => parentId && !ids.has(parentId));
  if (quietMs < (lacksParent ? missingParentMs : batchesMs)) return 'arriving';
  return lacksParent ? 'incomplete' : 'complete';
}

/**
 * A trace without its spans: all that the list needs.
 * @param {Trace} trace
 */
export function summarize({ state, spans }, tree = toTree(spans)) {
  const [{ span: root }] = tree;
  return {
    state,
    traceId: root.traceId,
    title: `${serviceOf(root)}: ${root.name ?? ''}`,
    ...timesOf(spans),
    services: [...new Set(spans.map(serviceOf))].sort(),
    spans: spans.length,
    failed: spans.filter(isFailed).length,
  };
}

/**
 * When a trace starts (microseconds since 1970) and how long it takes.
 * @param {ZipkinSpan[]} spans
 * @returns {{ start?: number, duration?: number }}
 */
export function timesOf(spans) {
  const timed = spans.filter(({ timestamp }) => timestamp);
  const start = Math.min(...timed.map(({ timestamp }) => timestamp));
  const end = Math.max(...timed.map(({ timestamp, duration = 0 }) => timestamp + duration));
  return timed.length > 0 ? { start, duration: end - start } : {};
}

export const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

export function formatDuration(micros) {
  if (micros === undefined) return 'no duration';
  if (micros < 1000) return micros === 0 ? '0 ms' : `${micros} µs`;
  return micros >= 1e6 ? `${(micros / 1e6).toFixed(2)} s` : `${(micros / 1e3).toFixed(1)} ms`;
}

/**
 * Round times for an axis, from 0 on, five at most.
 * @returns {{ step: number, ticks: { time: number, label: string }[] }}
 */
export function axisOf(duration) {
  const power = 10 ** Math.floor(Math.log10(Math.max(duration, 4) / 4));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((step) => duration / step <= 4);
  const times = Array.from({ length: 5 }, (_, i) => i * step).filter((time) => time < 0.9 * duration || time === 0);
  return { step, ticks: times.map((time) => ({ time, label: withoutZeros(formatDuration(time)) })) };
}

const withoutZeros = (text) => text.replace(/\.0+ |(\.\d*[1-9])0+ /, '$1 ');

/** The time of day, in the reader's time zone. */
export function formatTime(micros) {
  if (!micros) return 'no timestamp';
  const date = new Date(micros / 1000);
  return `${date.toTimeString().slice(0, 8)}.${`${date.getMilliseconds()}`.padStart(3, '0')}`;
}
