import { html, render } from '/viewer/lit-html/lit-html.js';
import * as list from './list.js';
import * as waterfall from './waterfall.js';

/**
 * The list shows a Summary of each trace, the waterfall one Trace.
 * @typedef {{ traces?: any[], opened: Set<string>, all?: boolean, copied?: boolean, problem?: string, news?: string }} State
 */

const [, traceId = ''] = location.pathname.match(/^\/zipkin\/traces\/([^/]+)/) ?? [];
const page = traceId ? waterfall : list;
/** @type {State} */
let state = { opened: new Set() };
let shown = ''; // the browser's cache repeats it, if the viewer responds 304

// Rows that are selected and copied are lines of text.
document.addEventListener('copy', (event) => {
  const text = state.traces && page === waterfall && waterfall.textOf(state, getSelection());
  if (!text) return;
  event.clipboardData.setData('text/plain', text);
  event.preventDefault();
});

for (; ; await new Promise((resolve) => setTimeout(resolve, 1000))) {
  await poll().catch(() => show({ problem: 'No valid response from the viewer: has it been stopped?' }));
}

async function poll() {
  const response = await fetch(`/viewer/traces/${traceId}`);
  const text = await response.text();
  if (text === shown && !state.problem) return;
  const loaded = JSON.parse(text);
  if (loaded.error) show({ problem: loaded.error });
  else show({ problem: '', copied: false, news: state.traces && page.newsOf(loaded), traces: loaded });
  shown = text;
}

/**
 * Changes what is shown.
 * @param {Partial<State>} change
 */
function show(change) {
  const next = { ...state, ...change };
  const { problem, news, traces } = next;
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const main = html`
    <p id="problem" class="failed" role="alert">${problem}</p>
    ${traces && page.view(next, show)}
    <p id="news" role="status">${news}</p>`;
  render(main, document.querySelector('main'));
  state = next; // not if it can't be rendered
  focused.focus({ preventScroll: true }); // a row that has moved has lost it
  document.title = document.querySelector('h1')?.innerText ?? 'Traces';
}
