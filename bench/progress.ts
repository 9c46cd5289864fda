/** Logs the expected duration, then each step with the time left, estimated from the pace so far. */
export function startProgress(expected: number) {
  const start = performance.now();
  let done = 0;
  console.error(`This takes about ${duration(expected)} on two quiet cores.`);
  /** `seconds`: the step's part of `expected`. */
  return (step: string, seconds: number): void => {
    const pace = done ? (performance.now() - start) / 1000 / done : 1;
    console.error(`${step} (about ${duration((expected - done) * pace)} left)`);
    done += seconds;
  };
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
