export const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

export function formatDuration(micros) {
  if (micros === undefined) return 'no duration';
  return micros >= 1e6 ? `${(micros / 1e6).toFixed(2)} s` : `${(micros / 1e3).toFixed(1)} ms`;
}

/** The time of day, in the reader's time zone. */
export function formatTime(micros) {
  if (!micros) return 'no timestamp';
  const date = new Date(micros / 1000);
  return `${date.toTimeString().slice(0, 8)}.${`${date.getMilliseconds()}`.padStart(3, '0')}`;
}
