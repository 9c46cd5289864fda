import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Results } from '../../bench/main.ts';
import { toFigure } from '../../bench/statistics.ts';
import { run } from '../support/process.ts';

const modes = [
  'no tracing',
  'OpenTelemetry as it comes, to Zipkin',
  'this project, to Zipkin',
  'this project, by OTLP',
  'this project, 10 % sampled',
  'this project, not sampled',
];

test('npm run bench -- --quick --json measures two services in six modes and accounts for every span', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--quick', '--json'], {});
  assert.equal(await bench.exit, 0, bench.text.stderr);
  const { rows, saturation } = JSON.parse(bench.text.stdout) as Results;
  assert.deepEqual(
    rows.map(({ service, mode }) => `${service}: ${mode}`),
    ['service3', 'service2'].flatMap((service) => modes.map((mode) => `${service}: ${mode}`)),
  );
  for (const { spans } of rows) assert.equal(spans.received, spans.made);
  for (const service of ['service3', 'service2']) {
    const [none, plain, zipkin, otlp, tenPercent, unsampled] = rows
      .filter((row) => row.service === service)
      .map(({ spans }) => spans.made);
    assert.deepEqual([none, unsampled], [0, 0]);
    assert.ok(zipkin && tenPercent === zipkin / 10);
    assert.deepEqual([plain, otlp], [zipkin, zipkin]);
  }
  for (const { cpuUs, rate } of rows) assert.ok((cpuUs?.value ?? 1) > 0 && (rate?.value ?? 1) > 0);
  for (const { spans } of saturation) assert.equal(spans.received + spans.lost, spans.made);
  assert.equal(saturation[0]?.spans.lost, 0); // the three services
  assert.ok((saturation.at(-1)?.spans.lost ?? 0) > 0); // the rate grows until spans are lost
});

test('a figure of the benchmark is withheld if the starts differ too much', () => {
  assert.deepEqual(toFigure(30, [29, 35, 30]), { value: 30, low: 29, high: 35 });
  assert.equal(toFigure(30, [25, 45, 30]), null);
  assert.equal(toFigure(5, [-14, 3920]), null);
  assert.equal(toFigure(-14, [-14, -14]), null);
  assert.equal(toFigure(Number.NaN, [Number.NaN]), null);
});

test('npm run bench rejects an unknown option and lists the valid ones', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--fast'], {});
  assert.equal(await bench.exit, 1);
  assert.equal(bench.text.stderr, "Unknown option '--fast': npm run bench -- [--quick] [--json]\n");
});
