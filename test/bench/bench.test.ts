import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Results } from '../../bench/main.ts';
import { run } from '../support/process.ts';

test('npm run bench -- --quick --json measures five modes and accounts for every span', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--quick', '--json'], {});
  assert.equal(await bench.exit, 0, bench.text.stderr);
  const { rows, saturation, startup } = JSON.parse(bench.text.stdout) as Results;
  assert.equal(startup, null); // takes ports and Docker
  const names = ['no tracing', 'not sampled', '10 % sampled', 'all, to Zipkin', 'all, by OTLP'];
  assert.deepEqual(
    rows.map(({ mode }) => mode),
    names,
  );
  for (const { spans } of [...rows, ...saturation]) {
    assert.equal(spans.received + spans.lost, spans.made);
    assert.ok(spans.lost >= 0 && spans.made % 1 === 0);
  }
  const [none, unsampled, some, zipkin, otlp] = rows.map(({ spans }) => spans);
  assert.deepEqual([none?.made, unsampled?.made], [0, 0]);
  assert.ok(zipkin && zipkin.made > 0 && zipkin.made % 12 === 0);
  assert.deepEqual([zipkin.lost, otlp], [0, zipkin]);
  assert.ok(some && some.made > 0 && some.made < zipkin.made / 2);
  assert.ok((saturation.at(-1)?.spans.lost ?? 0) > 0); // it went on until spans were lost
  for (const { requestsPerSecond, memoryMB, startMs } of rows) {
    for (const figure of [requestsPerSecond.median, ...memoryMB.peak, startMs.median]) assert.ok(figure > 0);
  }
});

test('npm run bench rejects an unknown option and lists the valid ones', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--fast'], {});
  assert.equal(await bench.exit, 1);
  assert.equal(bench.text.stderr, "Unknown option '--fast': npm run bench -- [--quick] [--json]\n");
});
