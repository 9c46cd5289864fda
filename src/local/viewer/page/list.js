import { repeat } from '/viewer/lit-html/directives/repeat.js';
import { html } from '/viewer/lit-html/lit-html.js';
import { formatTime, summary, timesOf, titleOf } from './trace.js';

/** @import { State } from './main.js' */

const idOf = ({ spans }) => spans[0].traceId;

/**
 * The list of traces.
 * @param {State} state
 */
export const view = ({ traces }) => html`
  <h1>Traces</h1>
  <p ?hidden=${traces.length > 0}>No trace yet: <a href="/viewer/service1">send a request</a>.</p>
  <ol>${repeat(traces, idOf, row)}</ol>`;

const row = (trace) => html`
  <li>
    <a href="/zipkin/traces/${idOf(trace)}">${titleOf(trace)}</a>
    <time>${formatTime(timesOf(trace.spans).start)}</time>
    ${summary(trace)}
  </li>`;

/** The newest trace, for the screen reader. */
export function newsOf(traces) {
  const newest = traces.find(({ state }) => state !== 'arriving');
  return newest && `New trace: ${titleOf(newest)}, ${formatTime(timesOf(newest.spans).start)}`;
}
