import { html } from '/viewer/lit-html/lit-html.js';
import { formatDuration, formatTime } from './format.js';

const ofProcess = ([key]) => /^(telemetry|service|process|host|os|container|k8s|cloud)\./.test(key); // the same on all its spans

/** All that a span says, with times since the start of its trace. */
export function details(span, traceStart) {
  const since = (time) => (traceStart ? formatDuration(time - traceStart) : formatTime(time));
  const { true: folded = [], false: own = [] } = Object.groupBy(Object.entries(span.tags ?? {}), ofProcess);
  const { timestamp } = span;
  const facts = {
    start: timestamp ? `${since(timestamp)} into the trace, at ${formatTime(timestamp)}` : 'no timestamp',
    duration: formatDuration(span.duration),
    'span id': span.id,
    'parent id': span.parentId ?? 'none',
  };
  const processTags = html`<details><summary>Tags of the process</summary>${table(folded)}</details>`;
  return html`
    <div class="details">
      ${section('Span', Object.entries(facts))}
      ${section('Annotations', annotationsOf(span, since))}
      ${section('Tags', own)}
      ${folded.length > 0 ? processTags : ''}
    </div>`;
}

const section = (title, pairs) => (pairs.length > 0 ? html`<h2>${title}</h2>${table(pairs)}` : '');
const table = (pairs) => html`<dl>${pairs.map(row)}</dl>`;
const row = ([key, value]) => html`
  <div class=${key === 'error' ? 'failed' : ''}><dt>${key}</dt><dd>${value}</dd></div>`;

/** A span's own annotations, and the start and finish that Zipkin shows for a span that crosses processes. */
function annotationsOf({ kind, timestamp, duration, annotations = [] }, since) {
  const all = [...annotations];
  const role = { CLIENT: 'Client', SERVER: 'Server' }[kind];
  if (role && timestamp && duration) {
    all.push({ timestamp, value: `${role} Start` }, { timestamp: timestamp + duration, value: `${role} Finish` });
  }
  return all
    .sort((a, b) => a.timestamp - b.timestamp)
    .map(({ timestamp, value }) => [since(timestamp), readable(value)]);
}

/** An exception as its stack; any other annotation as it is. */
function readable(value) {
  try {
    return JSON.parse(value.match(/^"exception": (.*)$/s)[1])['exception.stacktrace'] ?? value;
  } catch {
    return value;
  }
}
