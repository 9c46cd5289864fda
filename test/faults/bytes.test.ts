// One caller sends requests that are as large as Node accepts, or spans that are larger than a backend accepts: no other
// caller loses a trace.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { JAEGER_OTLP_URL, JAEGER_URL, ZIPKIN_URL, zipkinAt } from '../support/backends.ts';
import { createCollector } from '../support/collector.ts';
import { b3, get, hex } from '../support/http.ts';
import { jaegerAt } from '../support/jaeger.ts';
import { sendLargeRequests } from '../support/large-requests.ts';
import { startDemo } from '../support/services.ts';
import { noCollector, noJaeger, noZipkin } from '../support/skip.ts';
import { goodSpans } from '../support/trace.ts';
import { arrive } from '../support/whole-traces.ts';

const zipkin = zipkinAt(`${ZIPKIN_URL}`);
const jaeger = jaegerAt(JAEGER_URL, {
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: `${JAEGER_OTLP_URL}`,
});

/** Sends requests of another caller, one after the other, and gives the IDs of their traces. */
async function sendRequests(url: string, count: number) {
  const ids = Array.from({ length: count }, () => hex(32));
  for (const id of ids) assert.equal((await get(url, b3(id))).status, 200);
  return ids;
}

for (const [name, backend, skip] of [
  ['Zipkin', zipkin, noZipkin()],
  ['Jaeger, over OTLP', jaeger, noJaeger()],
] as const) {
  test(`1,200 large requests, to ${name}: the traces of another caller are whole`, { skip }, async () => {
    await using demo = await startDemo(backend, { OTEL_BSP_SCHEDULE_DELAY: '5000' }); // so that batches are full
    const [ids] = await Promise.all([sendRequests(demo.url, 10), sendLargeRequests(demo.url, 1200)]);
    await arrive(backend, ids, goodSpans);
  });
}

suite('the Collector of BACKEND=collector', { skip: noCollector() || noZipkin() || noJaeger() }, () => {
  test('twelve traces of 50 large requests, and twelve spans of 11 MB: other traces are whole, before and after it is killed', async () => {
    using collector = await createCollector({ zipkin: zipkin.url, jaeger: `${JAEGER_OTLP_URL}` });
    const first = await collector.start();
    await using demo = await startDemo(collector);
    for (let trace = 0; trace < 12; trace++) {
      await sendLargeRequests(demo.url, 50, `${hex(32)}-${hex(16)}-1`);
      await sendHugeSpan(collector.env.OTEL_EXPORTER_OTLP_ENDPOINT);
    }
    const ids = await sendRequests(demo.url, 5);
    for (const backend of [zipkin, jaeger]) await arrive(backend, ids, goodSpans);

    first.signal('SIGKILL');
    await first.exit;
    await using _second = await collector.start(); // with the queue of the first
    const later = await sendRequests(demo.url, 5);
    for (const backend of [zipkin, jaeger]) await arrive(backend, later, goodSpans);
  });
});

/** Sends the Collector a trace whose only span has a name of 11 MB. */
async function sendHugeSpan(url: string) {
  const times = { startTimeUnixNano: `${Date.now()}000000`, endTimeUnixNano: `${Date.now()}000001` };
  const span = { traceId: hex(32), spanId: hex(16), name: 'x'.repeat(11_000_000), ...times };
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/traces`, { method: 'POST', headers, body });
  assert.equal(response.status, 200);
}
