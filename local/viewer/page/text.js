// No lit-html: the viewer and `npm run trace` import this file, too.
import { count, formatDuration, isFailed, reasonOf, serviceOf, timesOf, toTree } from './trace.js';

/**
 * @import { ZipkinSpan } from '../span.ts'
 * @import { Trace } from './trace.js'
 */

/**
 * A trace as text: its URL, then a line per span with its start, duration, place in the tree, service, name and kind.
 * @param {Trace} trace
 * @param {string} url
 */
export function toText({ state, spans }, url) {
  const tree = toTree(spans);
  const { start } = timesOf(spans);
  const rows = tree.map(({ span, depth }) => ({
    start: span.timestamp ? formatDuration(span.timestamp - start) : '?',
    duration: span.duration ? formatDuration(span.duration) : '?',
    place: '  '.repeat(Math.min(depth, 50)),
    words: [serviceOf(span), span.name, span.kind, isFailed(span) && failureOf(span)],
  }));
  /** @param {'start' | 'duration'} column */
  const widthOf = (column) => Math.max(...rows.map((row) => row[column].length));
  const [startWidth, durationWidth] = [widthOf('start'), widthOf('duration')];
  const lines = rows.map(({ start, duration, place, words }) => {
    const times = `${start.padStart(startWidth)}  ${duration.padStart(durationWidth)}`;
    return `${times}  ${place}${words.filter(Boolean).map(toLine).join(' ')}`;
  });
  const lacksParent = tree.filter(({ span, depth }) => depth === 0 && span.parentId).length;
  const have = lacksParent === 1 ? 'has' : 'have';
  if (spans.length === 0) lines.push('no span has arrived');
  else if (state === 'arriving') lines.push('still arriving');
  else if (lacksParent > 0) lines.push(`incomplete: ${count(lacksParent, 'span')} ${have} no parent`);
  return [url, ...lines, ''].join('\n');
}

/** @param {ZipkinSpan} span */
const failureOf = (span) => ['FAILED', reasonOf(span)].filter(Boolean).join(': ');

/** On one line, without what a terminal would obey: controls, bidi overrides. */
function toLine(text) {
  const line = text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (invisible) => `\\u{${invisible.codePointAt(0).toString(16)}}`,
  );
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
