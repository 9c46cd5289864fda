import { repeat } from '/viewer/lit-html/directives/repeat.js';
import { html } from '/viewer/lit-html/lit-html.js';
import { details } from './details.js';
import { hueOf, summaryLine } from './summary.js';
import { toText } from './text.js';
import { axisOf, count, formatDuration, isFailed, reasonOf, serviceOf, summarize, toTree } from './trace.js';

/**
 * @import { ZipkinSpan } from '../span.ts'
 * @import { State } from './main.js'
 */

const maxRows = 200; // at first: thousands take seconds

const keyOf = ({ span }) => JSON.stringify(span);

/**
 * The waterfall of a trace. `opened` has the keys of the rows that have been opened: only these have details.
 * @param {State} state
 */
export function view({ traces: [trace], opened, all, copied }, show) {
  const hint = 'Nothing has arrived. Spans take up to a second; a request that is not sampled leaves no trace.';
  if (trace.spans.length === 0) return html`<h1>Trace</h1><p id="summary">${hint}</p>`;
  const tree = toTree(trace.spans);
  const summary = summarize(trace, tree);
  const { traceId, title, duration = 0 } = summary;
  const { step, ticks } = axisOf(duration);
  const shown = all ? tree : tree.slice(0, maxRows);
  const showAll = () => {
    show({ all: true });
    /** @type {HTMLElement} */ (document.querySelectorAll('summary.row')[maxRows]).focus(); // the button is gone
  };
  const copy = async () => {
    await navigator.clipboard.writeText(toText(trace, location.href));
    show({ copied: true });
  };
  return html`
    <h1>${title}</h1>
    <p id="summary">
      ${summaryLine(summary)} <code>${traceId}</code> <a href="/api/v2/trace/${traceId}">JSON</a>
      <button ?hidden=${!navigator.clipboard} @click=${copy}>${copied ? 'Copied' : 'Copy as text'}</button>
    </p>
    <div class="row axis" .style=${`--step: ${percentOf(step, duration)}`}>
      <span class="name">Click a span for its details</span><span class="duration"></span>
      <span class="track">${ticks.map(({ time, label }) => html`<span .style=${`left: ${percentOf(time, duration)}`}>${label}</span>`)}</span>
    </div>
    ${repeat(shown, keyOf, (node) => row(node, { ...summary, step }, opened, show))}
    ${shown.length < tree.length ? html`<button @click=${showAll}>Show all ${count(tree.length, 'span')}</button>` : ''}`;
}

/**
 * The text of the rows that are selected: a line each. Undefined if they are less than two, or if details are selected.
 * @param {State} state
 * @param {Selection} selection
 */
export function textOf({ traces: [trace] }, selection) {
  const isSelected = (element) => selection.containsNode(element, true);
  const selected = [...document.querySelectorAll('summary.row')].map(isSelected);
  const hasDetails = [...document.querySelectorAll('[open] > .details')].some(isSelected);
  if (hasDetails || selected.filter(Boolean).length < 2) return undefined;
  const [, ...lines] = toText(trace, location.href).split('\n');
  return lines.filter((_, index) => selected[index]).join('\n');
}

/**
 * @param {{ span: ZipkinSpan, depth: number }} node
 * @param {{ start?: number, duration?: number, step: number }} times
 */
function row(node, { start, duration, step }, opened, show) {
  const { span, depth } = node;
  const key = keyOf(node);
  const open = () => show({ opened: opened.add(key) });
  const service = serviceOf(span);
  const style = `--hue: ${hueOf(service)}; --depth: ${Math.min(depth, 12)}; --step: ${percentOf(step, duration)}`;
  const failed = isFailed(span) ? 'failed' : '';
  const failure = ['failed', reasonOf(span).slice(0, 200)].filter(Boolean).join(': ');
  const place = `left: ${percentOf(span.timestamp - start, duration)}; width: ${percentOf(span.duration ?? 0, duration)}`;
  return html`
    <details @toggle=${open}>
      <summary class="row ${failed}" .style=${style}>
        <span class="name">
          <span class="service">${service}</span><span>${span.name}</span><span class="kind">${span.kind}</span>
          <span class=${failed}>${failed && failure}</span>
          <span class="note">${depth === 0 && span.parentId ? 'shown without its parent' : ''}</span>
          <span class="level">level ${depth + 1},</span>
        </span>
        <span class="duration">${formatDuration(span.duration)}</span>
        <span class="track"><span class="bar" ?hidden=${!span.timestamp} .style=${place}></span></span>
      </summary>
      ${opened.has(key) ? details(span, start) : ''}
    </details>`;
}

const percentOf = (micros, duration) => `${(micros / (duration || 1)) * 100}%`;

/** What has arrived, for the screen reader. */
export const newsOf = ([{ state, spans }]) => `${count(spans.length, 'span')}, ${state}`;
