import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toFigure } from '../../bench/report.ts';
import { run } from '../support/process.ts';

test('npm run bench -- --quick shows its progress, and compares four modes of two services', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--quick'], {});
  assert.equal(await bench.exit, 0, bench.text.stderr);

  const [first, ...steps] = bench.text.stderr.trimEnd().split('\n');
  assert.match(`${first}`, /^This takes about \d+ (s|min) on two quiet cores\.$/);
  assert.equal(steps.length, 2 * 2 * (4 + 3)); // services, starts; warm-ups, rounds
  for (const step of steps) assert.match(step, /^service[23], start [12] of 2: .+ \(about \d+ (s|min) left\)$/);

  const rows = bench.text.stdout.split('\n').filter((line) => line.startsWith('| service'));
  const figure = /unsteady|[\d.]+ \([\d.]+–[\d.]+\)( µs)?|\b\d{3}\b/g;
  const masked = rows.map((row) => row.replace(figure, '#').replace(/ +/g, ' '));
  assert.deepEqual(masked, [
    '| service3 | untraced | # | – | – | – | – |',
    '| service3 | OpenTelemetry out of the box | # | # | # | # | # |',
    '| service3 | this project | # | # | # | # | # |',
    '| service3 | this project, unsampled | # | # | – | # | – |',
    '| service2 | untraced | # | – | – | – | – |',
    '| service2 | OpenTelemetry out of the box | # | # | # | # | # |',
    '| service2 | this project | # | # | # | # | # |',
    '| service2 | this project, unsampled | # | # | – | # | – |',
  ]);
});

test('a figure of the benchmark is withheld if the starts differ too much', () => {
  assert.equal(toFigure(30, [29, 35, 30], 'µs'), '30 (29–35) µs');
  assert.equal(toFigure(30, [25, 45, 30], 'µs'), 'unsteady');
  assert.equal(toFigure(5, [-14, 3920], 'µs'), 'unsteady');
  assert.equal(toFigure(-14, [-14, -14], 'µs'), 'unsteady');
  assert.equal(toFigure(Number.NaN, [Number.NaN], 'µs'), 'unsteady');
});

test('npm run bench rejects an unknown option and names the valid one', async () => {
  await using bench = run('npm', ['run', '--silent', 'bench', '--', '--fast'], {});
  assert.equal(await bench.exit, 1);
  assert.equal(bench.text.stderr, '--fast: unknown option. Usage: npm run bench [-- --quick]\n');
});
