import { get } from './dom.js';
import { createList } from './list.js';
import { createWaterfall } from './waterfall.js';

const traceId = location.pathname.match(/^\/zipkin\/traces\/([^/]+)/)?.[1];
const show = traceId ? createWaterfall(traceId) : createList();

for (let shown; ; await new Promise((resolve) => setTimeout(resolve, 1000))) {
  const { text, problem = '' } = await load(traceId ? `/viewer/traces/${traceId}` : '/viewer/traces');
  if (get('problem').textContent !== problem) get('problem').textContent = problem;
  if (problem || text === shown) continue;
  const news = show(JSON.parse(text));
  if (shown) get('news').textContent = news;
  shown = text;
}

async function load(url) {
  try {
    const response = await fetch(url);
    if (response.ok) return { text: await response.text() };
    return { problem: (await response.json()).error };
  } catch {
    return { problem: 'The viewer does not respond: has it been stopped?' };
  }
}
