// `npm run trace URL_OR_ID`: prints a trace of Zipkin or the viewer as text.
import { escapeInvisible, quote } from '../src/config/quote.ts';
import { die } from './die.ts';
import { fetchJson } from './fetch-json.ts';
import { toText } from './viewer/page/text.js';
import { stateOf, timesOf } from './viewer/page/trace.js';
import { parseSpans } from './viewer/span.ts';

const maxMegabytes = 64; // the viewer keeps no more
const [, , wanted = ''] = process.argv;
const { TRACE_UI_URL = 'http://localhost:9411/zipkin/traces/{traceId}' } = process.env;
const url = /^[0-9a-f]{1,32}$/i.test(wanted) ? TRACE_UI_URL.replaceAll('{traceId}', wanted.toLowerCase()) : wanted;
const [, ui, traceId] = url.match(/^(https?:\/\/[^?#]+\/)traces\/([0-9a-f]{1,32})\/?$/i) ?? [];
if (!ui) die(`npm run trace ${quote(wanted)}: must be a trace's id, or its URL: ${escapeInvisible(TRACE_UI_URL)}`);

try {
  const spans = parseSpans(await fetchJson(new URL(`api/v2/trace/${traceId}`, ui), maxMegabytes));
  const { start = 0, duration = 0 } = timesOf(spans);
  process.stdout.write(toText({ state: stateOf(spans, Date.now() - (start + duration) / 1000), spans }, url));
} catch (error) {
  const { message, cause } = error as Error;
  die(escapeInvisible([message, (cause as NodeJS.ErrnoException)?.code].filter(Boolean).join(': ')));
}
