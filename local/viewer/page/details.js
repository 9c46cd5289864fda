import { html } from '/viewer/lit-html/lit-html.js';
import { formatDuration, formatTime, isFailed, reasonOf } from './trace.js';

/** @import { ZipkinSpan } from '../span.ts' */

/** Tags of the process are the same on all of its spans. */
const isOfProcess = (key) => /^(telemetry|service|process|host|os|container|k8s|cloud)\./.test(key);

/**
 * All that a span says, with times since the start of its trace.
 * @param {ZipkinSpan} span
 */
export function details(span, traceStart) {
  const since = (time) => (traceStart ? formatDuration(time - traceStart) : formatTime(time));
  const tags = Object.entries(span.tags ?? {});
  const own = tags.filter(([key]) => !isOfProcess(key) && !(key === 'error' && isFailed(span)));
  const ofProcess = tags.filter(([key]) => isOfProcess(key));
  const { id, parentId = 'none', timestamp } = span;
  const start = timestamp ? `${since(timestamp)} into the trace, at ${formatTime(timestamp)}` : 'no timestamp';
  const error = isFailed(span) ? { error: reasonOf(span) } : {};
  const remote = span.remoteEndpoint ? { 'remote endpoint': describe(span.remoteEndpoint) } : {};
  const annotations = annotationsOf(span).map(({ timestamp, value }) => [since(timestamp), readable(value)]);
  return html`
    <div class="details">
      <h2>Span</h2>${table(Object.entries({ ...error, start, ...remote, 'span id': id, 'parent id': parentId }))}
      <h2>Annotations</h2>${table(annotations)}
      <h2>Tags</h2>${table(own)}
      <details><summary>Tags of the process</summary>${table(ofProcess)}</details>
    </div>`;
}

/**
 * The name and the address of the other side of a call.
 * @param {ZipkinSpan['remoteEndpoint']} endpoint
 */
function describe({ serviceName, ipv4, ipv6, port }) {
  const host = ipv4 ?? (ipv6 && `[${ipv6}]`);
  const address = port ? `${host ?? 'port'}${host ? ':' : ' '}${port}` : host;
  return [serviceName, address].filter(Boolean).join(', ');
}

const table = (pairs) => html`<dl>${pairs.map(row)}</dl>`;
const row = ([key, value]) => html`
  <div class=${isFailed({ tags: { [key]: value } }) ? 'failed' : ''}><dt>${key}</dt><dd>${value}</dd></div>`;

/**
 * A span's own annotations, and the start and finish that Zipkin shows for a span that crosses processes.
 * @param {ZipkinSpan} span
 */
function annotationsOf({ kind, timestamp, duration, annotations = [] }) {
  const role = { CLIENT: 'Client', SERVER: 'Server' }[kind];
  const start = { timestamp, value: `${role} Start` };
  const finish = { timestamp: timestamp + duration, value: `${role} Finish` };
  const crossing = role && timestamp && duration ? [start, finish] : [];
  return [...annotations, ...crossing].sort((a, b) => a.timestamp - b.timestamp);
}

/** An exception as its stack; any other annotation as it is. */
function readable(value) {
  try {
    const { 'exception.stacktrace': stack } = JSON.parse(value.match(/^"exception": (.*)$/s)[1]);
    return typeof stack === 'string' ? stack : value;
  } catch {
    return value;
  }
}
