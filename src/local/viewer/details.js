import { el, formatDuration, formatTime, get } from './dom.js';

const ofProcess = /^(telemetry|service|process|host|os|container|k8s|cloud)\./; // the same on every span of a process

/** All that a span says. Its relative times are empty until showTimes() fills them in. */
export function createDetails(span) {
  const tags = Object.entries(span.tags ?? {}).sort(
    ([a], [b]) => (b === 'error') - (a === 'error') || (a < b ? -1 : 1),
  );
  const { true: folded = [], false: own = [] } = Object.groupBy(tags, ([key]) => ofProcess.test(key));
  const start =
    span.timestamp && el('span', '', at(span.timestamp), ` into the trace, at ${exactTime(span.timestamp)}`);
  const ids = [
    ['start', start || 'no timestamp'],
    ['duration', formatDuration(span.duration)],
    ['span id', span.id],
    ['parent id', span.parentId ?? 'none'],
  ];
  const details = el(
    'div',
    'details',
    facts('Span', ids),
    facts('Annotations', annotationsOf(span)),
    facts('Tags', own),
  );
  if (folded.length > 0) details.append(el('details', '', el('summary', '', 'Tags of the process'), facts('', folded)));
  return details;
}

/** Shows times relative to the start of the trace, which moves if an earlier span arrives. */
export function showTimes(start) {
  for (const element of get('content').querySelectorAll('[data-at]')) {
    const { at } = element.dataset;
    element.textContent = start ? formatDuration(at - start) : exactTime(at);
  }
}

const exactTime = (micros) => formatTime(micros, 3);

function at(timestamp) {
  const element = el('span', '');
  element.dataset.at = timestamp;
  return element;
}

/** A span's own annotations, and the start and finish that Zipkin shows for a span that crosses processes. */
function annotationsOf({ kind = '', timestamp, duration, annotations = [] }) {
  const all = annotations.map((annotation) => ({ ...annotation, value: readable(annotation.value) }));
  if (timestamp && /^(CLIENT|SERVER|PRODUCER|CONSUMER)$/.test(kind)) {
    const role = kind[0] + kind.slice(1).toLowerCase();
    all.push({ timestamp, value: `${role} Start` });
    if (duration !== undefined) all.push({ timestamp: timestamp + duration, value: `${role} Finish` });
  }
  return all.sort((a, b) => a.timestamp - b.timestamp).map(({ timestamp, value }) => [at(timestamp), value]);
}

/** An exception as its stack; any other annotation as it is. */
function readable(value) {
  try {
    const exception = JSON.parse(value.match(/^"exception": (.*)$/s)[1]);
    return el('pre', '', exception['exception.stacktrace'] ?? JSON.stringify(exception));
  } catch {
    return value;
  }
}

function facts(title, pairs) {
  const rows = pairs.map(([key, value]) => {
    return el('div', key === 'error' ? 'failed' : '', el('dt', '', key), el('dd', '', value));
  });
  return rows.length > 0 ? el('section', '', el('h2', '', title), el('dl', '', ...rows)) : '';
}
