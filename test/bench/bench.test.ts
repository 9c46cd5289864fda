import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report } from '../../bench/report.ts';
import { run } from '../support/process.ts';

test('npm run bench -- --quick compares six modes of two services', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--quick'], {});
  assert.equal(await bench.exit, 0, bench.text.stderr);
  assert.equal(bench.text.stderr, 'service3, start 1 of 1\nservice2, start 1 of 1\n');

  const rows = bench.text.stdout.split('\n').filter((line) => line.startsWith('| service'));
  const figure = /-?\d+ \(-?\d+–-?\d+\)|-?\b\d+\.\d\d\b|\b\d{3}\b/g;
  const masked = rows.map((row) => row.replace(figure, '#').replace(/ +/g, ' '));
  const expected = ['service3', 'service2'].flatMap((service) => [
    `| ${service} | no tracing | # | – | – | – |`,
    `| ${service} | out of the box, Zipkin | # | # | – | # |`,
    `| ${service} | this project, Zipkin | # | # | # | # |`,
    `| ${service} | out of the box, OTLP | # | # | – | # |`,
    `| ${service} | this project, OTLP | # | # | # | # |`,
    `| ${service} | this project, not sampled | # | # | – | – |`,
  ]);
  assert.deepEqual(masked, expected);
});

test('a figure is reported if its standard error is more than 7%', () => {
  const result = (mode: string, cpuUs: number[]) => ({ service: 'service3', mode, cpuUs, bytesPerSpan: 0 });
  const { table, problems } = report([
    result('no tracing', [30, 31, 30]),
    result('out of the box, Zipkin', [70, 71, 70]),
    result('this project, Zipkin', [80, 86, 80]),
  ]);
  assert.match(table, /this project, Zipkin +\| 82 \(80–86\) +\| 52 \(50–55\) +\| 1\.29 /);
  assert.deepEqual(problems, []);
  assert.deepEqual(report([result('no tracing', [30, 30, 40])]).problems, [
    'service3, no tracing: the starts differ, the mean is ±10%',
  ]);
});

test('npm run bench rejects an unknown option and names the valid one', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--fast'], {});
  assert.equal(await bench.exit, 1);
  assert.equal(bench.text.stderr, '--fast: unknown option. Usage: npm run bench [-- --quick]\n');
});
