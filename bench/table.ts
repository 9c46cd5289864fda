import type { Results } from './main.ts';
import type { Figure } from './statistics.ts';

/** The results as Markdown tables, which a terminal shows as well. */
export function toMarkdown({ machine, rows, saturation }: Results): string {
  const costs = table(
    ['', '', 'CPU per request', 'added', 'added per span', 'rate, of untraced', 'bytes per span'],
    rows.map(({ service, mode, cpuUs, addedUs, addedUsPerSpan, rate, bytesPerSpan }) => [
      service,
      mode,
      show(cpuUs, 'µs'),
      show(addedUs, 'µs'),
      show(addedUsPerSpan, 'µs'),
      show(rate, '', 2),
      bytesPerSpan?.toFixed(0) ?? '–',
    ]),
  );
  const load = table(
    ['load', 'spans/s', 'spans made', 'received', 'lost'],
    saturation.map(({ load, spansPerSecond, spans: { made, received, lost } }) =>
      [load, spansPerSecond.toFixed(0), made, received, lost].map(String),
    ),
  );
  const legend =
    'In parentheses: the lowest and highest that the starts of the service gave. "unsteady": these differ by more than a third.';
  return [machine, costs, legend, load].join('\n\n');
}

function show(figure: Figure | null | undefined, unit: string, digits = 0): string {
  if (figure === undefined) return '–';
  if (figure === null) return 'unsteady';
  const { value, low, high } = figure;
  return `${value.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)}) ${unit}`.trimEnd();
}

function table(head: string[], rows: string[][]): string {
  const all = [head, head.map(() => '---'), ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`).join('\n');
}
