import { el, formatTime, get, link, setChildren } from './dom.js';
import { serviceOf, summarize, timesOf, toTree } from './trace.js';

/** The list of traces. Returns the function that shows the newest ones, in the rows that they have already, and tells the news. */
export function createList() {
  const list = get('content').appendChild(el('ol', 'traces'));
  const announced = new Set();

  return (traces) => {
    const empty = el('span', '', 'No trace yet: ', link('/viewer/service1', 'send a request'), '.');
    get('summary').replaceChildren(...(traces.length === 0 ? [empty] : []));
    setChildren(list, traces.map(fillRow));
    const news = traces.filter(({ state, spans }) => state !== 'arriving' && !announced.has(spans[0].traceId));
    for (const { spans } of news) announced.add(spans[0].traceId);
    if (news.length === 0) return '';
    return news.length === 1 ? `New trace: ${get(news[0].spans[0].traceId).innerText}` : `${news.length} new traces`;
  };
}

function fillRow(trace) {
  const { traceId } = trace.spans[0];
  const row = get(traceId) ?? el('li', '', link(`/zipkin/traces/${traceId}`));
  row.id = traceId;
  const root = toTree(trace.spans)[0].span;
  row.firstChild.textContent = `${serviceOf(root)}: ${root.name ?? ''}`;
  const { start } = timesOf(trace.spans);
  setChildren(row, [row.firstChild, el('time', '', start ? formatTime(start) : ''), ...summarize(trace)]);
  return row;
}
