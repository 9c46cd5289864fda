import { html, render } from '/viewer/lit-html/lit-html.js';
import * as list from './list.js';
import * as waterfall from './waterfall.js';

/**
 * @import { Trace } from './trace.js'
 * @typedef {{ traces?: Trace[], opened?: Set<string>, problem?: string, news?: string }} State
 */

const [, traceId = ''] = location.pathname.match(/^\/zipkin\/traces\/([^/]+)/) ?? [];
const page = traceId ? waterfall : list;
const down = '{"error": "The viewer does not respond: has it been stopped?"}';
/** @type {State} */
const state = {};

for (let shown; ; await new Promise((resolve) => setTimeout(resolve, 1000))) {
  const response = await fetch(`/viewer/traces/${traceId}`).catch(() => new Response(down));
  const text = await response.text();
  if (text === shown) continue;
  shown = text;
  const loaded = JSON.parse(text);
  if (loaded.error) show({ problem: loaded.error });
  else show({ problem: '', news: state.traces && page.newsOf(loaded), traces: loaded });
}

/**
 * Changes what is shown.
 * @param {State} change
 */
function show(change) {
  const { problem, news, traces } = Object.assign(state, change);
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const main = html`
    <p id="problem" class="failed" role="alert">${problem}</p>
    ${traces && page.view(state, show)}
    <p id="news" role="status">${news}</p>`;
  render(main, document.querySelector('main'));
  focused.focus({ preventScroll: true }); // a row that has moved has lost it
  document.title = document.querySelector('h1')?.innerText ?? 'Traces';
}
