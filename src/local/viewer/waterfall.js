import { createDetails, showTimes } from './details.js';
import { count, el, formatDuration, get, hueOf, link, setChildren } from './dom.js';
import { isFailed, serviceName, serviceOf, summarize, timesOf, toTree } from './trace.js';

/** The waterfall of a trace. Returns the function that shows what has arrived of it, in the rows that are there, and tells the news. */
export function createWaterfall(traceId) {
  const summary = el('span', '');
  const rows = new Map();
  let shown = { spans: [] };
  get('title').textContent = 'Trace';
  get('summary').append(summary, el('code', '', traceId), link(`/api/v2/trace/${traceId}`, 'JSON'));

  return ([trace]) => {
    if (trace.spans.length === 0) {
      summary.textContent =
        'Nothing has arrived. It takes up to a second; a request that is not sampled leaves no trace.';
      return '';
    }
    const tree = toTree(trace.spans);
    const times = timesOf(trace.spans);
    const [{ span: root }] = tree;
    get('title').textContent = document.title = `${serviceOf(root)}: ${root.name ?? ''}`;
    summary.replaceChildren(...summarize(trace));
    const wanted = tree.map((node) => {
      const key = JSON.stringify(node.span);
      if (!rows.has(key))
        rows.set(
          key,
          createRow(node.span, () => showTimes(timesOf(shown.spans).start)),
        );
      return placeRow(rows.get(key), node, times);
    });
    setChildren(get('content'), [createAxis(times), ...wanted]);
    showTimes(times.start);

    const more = trace.spans.length - shown.spans.length;
    const news = [more > 0 && `${count(more, 'more span')}.`, trace.state !== shown.state && `Trace ${trace.state}.`];
    shown = trace;
    return news.filter(Boolean).join(' ');
  };
}

function createAxis({ duration = 0 }) {
  const ticks = [0, 0.25, 0.5, 0.75].map((part) => el('span', '', formatDuration(duration * part)));
  return el('div', 'row axis', el('span', 'track', ...ticks));
}

/** The details are made when the row is opened for the first time. */
function createRow(span, onOpen) {
  const failed = isFailed(span) ? 'failed' : '';
  const facts = [el('span', '', span.name ?? ''), el('span', 'kind', span.kind ?? ''), el('span', 'note', failed)];
  const name = el('span', 'name', serviceName(serviceOf(span)), ...facts, el('span', 'note place'));
  const track = el('span', 'track', el('span', `bar ${hueOf(serviceOf(span))}`));
  const duration = el('span', 'duration', formatDuration(span.duration));
  const row = el('details', 'span', el('summary', `row ${failed}`, name, track, duration));
  row.addEventListener('toggle', () => {
    if (row.children.length === 1) row.append(createDetails(span));
    onOpen();
  });
  return row;
}

/** Sets what changes as more spans arrive. A span without a timestamp has no bar. */
function placeRow(row, { span, depth, note = '' }, { start, duration }) {
  const percent = (micros) => `${(micros / (duration || 1)) * 100}%`;
  row.style.setProperty('--depth', Math.min(depth, 12));
  row.querySelector('.place').textContent = note;
  const bar = row.querySelector('.bar');
  bar.hidden = !span.timestamp;
  bar.style.left = percent(span.timestamp - start);
  bar.style.width = percent(span.duration ?? 0);
  return row;
}
