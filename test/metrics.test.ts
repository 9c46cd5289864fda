import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from './support/http.ts';
import { startRecorder } from './support/recorder.ts';
import { startService } from './support/services.ts';
import { until } from './support/wait.ts';

for (const exporter of ['zipkin', 'otlp'] as const) {
  test(`the exporter’s own requests are not traced, nor are its retries; the metrics of a service have its requests, and not these (${exporter})`, async () => {
    await using recorder = await startRecorder();
    await recorder.become('503');
    await using service3 = await startService('service3', {
      ...(exporter === 'otlp' ? recorder.otlp : recorder.env),
      OTEL_METRICS_EXPORTER: 'console', // which prints at the end
      SERVICE3_SLEEP_MS: '0',
    });
    await get(`${service3.url}/?a=b`);
    await until('a retry', () => recorder.posts() >= 2);
    await recorder.become('ok');
    await until('the spans', () => recorder.spans.length >= 2);
    service3.signal('SIGTERM');
    assert.equal(await service3.exit, 0);
    const server = exporter === 'otlp' ? 'get /' : 'GET /'; // the recorder reads OTLP as the viewer does
    assert.deepEqual(recorder.spans.map(({ name }) => name).sort(), [server, 'sleep_service3']);
    assert.match(service3.text.stdout, /http\.server\.request\.duration/);
    assert.match(service3.text.stdout, /'http\.route': '\/'/);
    assert.doesNotMatch(service3.text.stdout, /http\.client\.request\.duration/);
  });
}
