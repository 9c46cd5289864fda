import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf } from './support/log-lines.ts';
import { run } from './support/process.ts';

test('lost spans are logged at once, then once a minute with the total, even if the clock is set back', async () => {
  const script = `
    import { mock } from 'node:test';
    import { diag } from '@opentelemetry/api';
    import { globalErrorHandler } from '@opentelemetry/core';
    import { logDiagnostics } from './src/telemetry/log-diagnostics.ts';

    mock.timers.enable({ apis: ['setTimeout'] });
    const print = (level) => (msg) => console.log(JSON.stringify({ level, msg }));
    const log = { error: print('error'), warn: print('warn'), info: print('info'), debug: print('debug') };
    logDiagnostics(log, 'info', 'http://localhost:9411/api/v2/spans');
    const lose = (lostSpans) => globalErrorHandler(Object.assign(new Error('refused'), { lostSpans }));
    const pass = (ms) => {
      mock.timers.tick(ms);
      diag.error('after ' + ms);
    };
    lose(512);
    Date.now = () => 0;
    lose(512);
    diag.warn('Dropped 3 spans because maxQueueSize reached');
    lose(1);
    pass(59_999);
    pass(1);
    pass(60_000);
    lose(1);
    lose(1);
    pass(60_000);
    diag.warn('Dropped 5 spans because maxQueueSize reached');
    pass(60_000);
    globalErrorHandler(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })); // of a name with two addresses
  `;
  await using child = run(process.execPath, ['--input-type=module', '-e', script], {});
  assert.equal(await child.exit, 0, child.text.stderr);
  const said = linesOf(child).map(({ msg }) => msg.split('. Requests')[0]);
  const refused = "can't send spans to http://localhost:9411/api/v2/spans: refused";
  assert.deepEqual(said, [
    `${refused} (512 spans lost since the start)`,
    'after 59999',
    `${refused} (1028 spans lost since the start)`,
    'after 1',
    'after 60000',
    `${refused} (1029 spans lost since the start)`,
    `${refused} (1030 spans lost since the start)`,
    'after 60000',
    'the span queue is full: see OTEL_BSP_MAX_QUEUE_SIZE (1035 spans lost since the start)',
    'after 60000',
    "can't send spans to http://localhost:9411/api/v2/spans: ECONNREFUSED (1035 spans lost since the start)",
  ]);
  assert.equal(
    linesOf(child).every(({ level }) => level === 'error'),
    true,
  );
});
