/** The median of several measurements, and the middle half of them: a round that another program disturbed does not count. */
export type Figure = { median: number; low: number; high: number };

/** null if the middle half spreads over more than a fifth of the median: such a figure can't be trusted. */
export function toFigure(values: number[]): Figure | null {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  const figure = { median: at(0.5), low: at(0.25), high: at(0.75) };
  return figure.high - figure.low <= 0.2 * figure.median ? figure : null;
}
