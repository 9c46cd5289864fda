import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from './support/http.ts';
import { startRecorder } from './support/recorder.ts';
import { startService } from './support/services.ts';
import { until } from './support/wait.ts';

for (const exporter of ['zipkin', 'otlp'] as const) {
  test(`the metrics of a service have its requests, not the exports of its spans (${exporter})`, async () => {
    await using recorder = await startRecorder();
    await using service3 = await startService('service3', {
      ...(exporter === 'otlp' ? recorder.otlp : recorder.env),
      OTEL_METRICS_EXPORTER: 'console', // which prints at the end
    });
    await get(`${service3.url}/?a=b`);
    await until('an export', () => recorder.posts() > 0);
    service3.signal('SIGTERM');
    assert.equal(await service3.exit, 0);
    assert.match(service3.text.stdout, /http\.server\.request\.duration/);
    assert.match(service3.text.stdout, /'http\.route': '\/'/);
    assert.doesNotMatch(service3.text.stdout, /http\.client\.request\.duration/);
  });
}
