// A process that only makes spans, at a given rate for a given time.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpanKind, trace } from '@opentelemetry/api';
import { closeOnSignal } from '../src/server/shutdown.ts';

const tracer = trace.getTracer('bench');
closeOnSignal(createServer()); // as in a service, the last spans are sent before it exits

const [spansPerSecond = 0, seconds = 0] = process.argv.slice(2).map(Number);
const start = performance.now();
const elapsed = () => Math.min((performance.now() - start) / 1000, seconds);
let made = 0;
do {
  await sleep(5);
  for (const due = Math.round(elapsed() * spansPerSecond); made < due; made++) {
    tracer
      .startSpan('GET', { kind: SpanKind.CLIENT })
      .setAttributes({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'server.port': 5003,
        'url.full': 'http://127.0.0.1:5003/',
        'url.path': '/',
      })
      .end();
  }
} while (elapsed() < seconds);
process.send?.({ made, seconds: (performance.now() - start) / 1000 });
process.emit('SIGTERM'); // not kill(): with nothing else to wait for, Node would exit before the signal arrives
