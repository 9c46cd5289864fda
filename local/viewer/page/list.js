import { repeat } from '/viewer/lit-html/directives/repeat.js';
import { html } from '/viewer/lit-html/lit-html.js';
import { summaryLine } from './summary.js';
import { formatTime } from './trace.js';

/**
 * @import { State } from './main.js'
 * @import { Summary } from './trace.js'
 */

const idOf = ({ traceId }) => traceId;
/** Many traces have the same title. */
const nameOf = (trace) => `${trace.title}, ${formatTime(trace.start)}`;

/**
 * The list of traces.
 * @param {State} state
 */
export const view = ({ traces }) => html`
  <h1>Traces</h1>
  <p ?hidden=${traces.length > 0}>No trace yet: <a href="/viewer/service1">send a request</a>.</p>
  <ol>${repeat(traces, idOf, row)}</ol>`;

/** @param {Summary} trace */
const row = (trace) => html`
  <li>
    <a href="/zipkin/traces/${trace.traceId}" aria-label=${nameOf(trace)}>${trace.title}</a>
    <time>${formatTime(trace.start)}</time>
    ${summaryLine(trace)}
  </li>`;

/** The newest trace, for the screen reader. */
export function newsOf(traces) {
  const newest = traces.find(({ state }) => state !== 'arriving');
  return newest && `New trace: ${nameOf(newest)}`;
}
