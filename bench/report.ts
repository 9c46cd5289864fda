import type { Result } from './measure.ts';

const maxError = 0.07;

/** A Markdown table, which a terminal shows as well, and a line for each figure that can't be trusted. */
export function report(results: Result[]): { table: string; problems: string[] } {
  const rows = [['', '', 'CPU per request, µs', 'added', '÷ out of the box', 'bytes per span'], Array(6).fill('---')];
  const problems: string[] = [];
  for (const { service, mode, cpuUs, bytesPerSpan } of results) {
    const added = (mode: string) => {
      const [untraced, traced] = ['no tracing', mode].map((m) =>
        results.find((r) => r.service === service && r.mode === m),
      );
      return (traced?.cpuUs ?? []).map((cpu, start) => cpu - (untraced?.cpuUs[start] ?? 0));
    };
    const figures = mode === 'no tracing' ? cpuUs : added(mode);
    const outOfTheBox = added(mode.replace('this project', 'out of the box'));
    rows.push([
      service,
      mode,
      toText(cpuUs),
      mode === 'no tracing' ? '–' : toText(figures),
      mode.startsWith('this') && outOfTheBox.length > 0 ? (mean(figures) / mean(outOfTheBox)).toFixed(2) : '–',
      bytesPerSpan > 0 ? bytesPerSpan.toFixed(0) : '–',
    ]);
    const error = standardError(figures) / mean(figures);
    if (error > maxError)
      problems.push(`${service}, ${mode}: the starts differ, the mean is ±${Math.round(100 * error)}%`);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  return { table: lines.join('\n'), problems };
}

export const mean = (figures: number[]) => figures.reduce((sum, figure) => sum + figure, 0) / figures.length;

/** Of the mean; NaN for a single figure. */
const standardError = (figures: number[]) =>
  Math.sqrt(mean(figures.map((figure) => (figure - mean(figures)) ** 2)) / (figures.length - 1));

/** The mean of the starts, and their range. */
const toText = (figures: number[]) =>
  `${mean(figures).toFixed(0)} (${Math.min(...figures).toFixed(0)}–${Math.max(...figures).toFixed(0)})`;
