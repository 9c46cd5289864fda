import type { Results } from './main.ts';
import type { Account } from './receiver.ts';
import type { Spread } from './statistics.ts';

/** The results as Markdown tables, which a terminal shows as well. */
export function toMarkdown({ machine, rows, saturation, startup }: Results): string {
  const speed = table(
    ['', 'requests/s', 'ratio (min–max)', 'p50 added', 'p99 added', 'CPU per request', 'CPU per span (min–max)'],
    rows.map((row) => [
      row.mode,
      row.requestsPerSecond.median.toFixed(0),
      withRange(row.ratio, 2),
      `${row.addedMs.p50.toFixed(1)} ms`,
      `${row.addedMs.p99.toFixed(1)} ms`,
      `${row.cpuMsPerRequest.median.toFixed(2)} ms`,
      row.cpuUsPerSpan ? `${withRange(row.cpuUsPerSpan, 0)} µs` : '–',
    ]),
  );
  const spans = table(
    ['', 'spans made', 'received', 'lost', 'bytes per span', 'per trace', 'MB after start', 'MB at most', 'start-up'],
    rows.map((row) => [
      row.mode,
      ...counts(row.spans),
      row.bytesPerSpan?.toFixed(0) ?? '–',
      row.bytesPerTrace?.toFixed(0) ?? '–',
      row.memoryMB.afterStart.map(Math.round).join(' / '),
      row.memoryMB.peak.map(Math.round).join(' / '),
      `${row.startMs.median.toFixed(0)} ms`,
    ]),
  );
  const load = table(
    ['load', 'spans/s', 'spans made', 'received', 'lost'],
    saturation.map(({ load, spansPerSecond, spans }) => [load, spansPerSecond.toFixed(0), ...counts(spans)]),
  );
  const start = startup && table(['start-up and image', ''], Object.entries(startup));
  return [`${machine}\n`, speed, spans, load, start].filter(Boolean).join('\n');
}

const withRange = ({ median, min, max }: Spread, digits: number) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

const counts = ({ made, received, lost }: Account) => [made, received, lost].map(String);

function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0), 3));
  const line = (cells: string[], fill: string) =>
    `| ${cells.map((cell, column) => (column ? cell.padStart(widths[column] ?? 0, fill) : cell.padEnd(widths[column] ?? 0, fill))).join(' | ')} |\n`;
  const rule = line(
    head.map((_, column) => (column ? '---:' : '---')),
    '-',
  );
  return line(head, ' ') + rule + rows.map((row) => line(row, ' ')).join('');
}
