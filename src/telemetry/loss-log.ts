const quietMs = 60_000;

/**
 * Logs lost spans with `write`: the first loss at once, further ones at most once a minute and when the process ends,
 * with their total.
 */
export function createLossLog(write: (message: string) => void) {
  let lostSpans = 0;
  let latest: string | undefined; // the loss to log next
  let quietTimer: NodeJS.Timeout | undefined; // at its end the latest loss is logged

  const logLatest = () => {
    quietTimer = undefined;
    if (!latest) return;
    const count = lostSpans > 0 ? ` (${lostSpans} spans lost since the start)` : '';
    write(
      `${latest}${count}. Requests are not affected, but traces may be incomplete. (Logged at most once a minute.)`,
    );
    latest = undefined;
    quietTimer = setTimeout(logLatest, quietMs).unref();
  };
  process.once('exit', () => {
    if (lostSpans > 0) logLatest();
  });

  return {
    add(message: string, spans: number) {
      latest = message;
      lostSpans += spans;
      if (!quietTimer) logLatest();
    },
  };
}
