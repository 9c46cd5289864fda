import type { Result, Round } from './measure.ts';

/** A Markdown table, which a terminal shows as well. */
export function toTable(results: Result[]): string {
  const head = ['', '', 'CPU per request', 'added', 'added per span', 'rate, of untraced', 'bytes per span'];
  const rows = [head, head.map(() => '---'), ...results.map((result) => toRow(result, results))];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`).join('\n');
}

function toRow({ service, mode, telemetry, sampled, spans, starts }: Result, results: Result[]): string[] {
  const untraced = results.find((result) => result.service === service && !result.telemetry)?.starts ?? [];
  const figure = (of: (rounds: Round[], untraced: Round[]) => number, unit?: string) => {
    const ofEachStart = starts.map((rounds, start) => of(rounds, untraced[start] ?? []));
    return toFigure(of(starts.flat(), untraced.flat()), ofEachStart, unit);
  };
  const addedUs = (rounds: Round[], untraced: Round[]) => cpuUs(rounds) - cpuUs(untraced);
  return [
    service,
    mode,
    figure(cpuUs, 'µs'),
    telemetry ? figure(addedUs, 'µs') : '–',
    sampled ? figure((...rounds) => addedUs(...rounds) / spans, 'µs') : '–',
    telemetry ? figure((rounds, untraced) => perSecond(rounds) / perSecond(untraced)) : '–',
    sampled ? quantile(starts.flat(), 'bytesPerSpan', 0.5).toFixed(0) : '–',
  ];
}

// The cheapest tenth of the rounds counts: other programs on the machine can only make a round slower.
const cpuUs = (rounds: Round[]) => quantile(rounds, 'cpuUs', 0.1);
const perSecond = (rounds: Round[]) => quantile(rounds, 'perSecond', 0.9);

function quantile(rounds: Round[], key: keyof Round, share: number): number {
  const sorted = rounds.map((round) => round[key]).toSorted((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
}

/**
 * The value and the range of the starts, with two decimals if it is a ratio, which has no unit. Withheld if the range is more
 * than a third of the value: such a figure can't be trusted.
 */
export function toFigure(value: number, ofEachStart: number[], unit = ''): string {
  const [low, high] = [Math.min(...ofEachStart), Math.max(...ofEachStart)];
  const isSteady = high - low <= value / 3;
  const [middle, from, to] = [value, low, high].map((number) => number.toFixed(unit ? 0 : 2));
  return isSteady ? `${middle} (${from}–${to}) ${unit}`.trimEnd() : 'unsteady';
}
