/** A result, and the lowest and highest that the starts of the service give each alone. */
export type Figure = { value: number; low: number; high: number };

/** null if the starts differ by more than a third of the result: such a figure can't be trusted. */
export function toFigure(value: number, ofEachStart: number[]): Figure | null {
  const [low, high] = [Math.min(...ofEachStart), Math.max(...ofEachStart)];
  return high - low <= value / 3 ? { value, low, high } : null;
}

export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
}
