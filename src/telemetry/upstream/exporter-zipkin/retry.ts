import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from './post.ts';

const attemptMs = 5000;
const maxDelayMs = 5000;

/**
 * Repeats `attempt`, which gets its limit in milliseconds, until it succeeds, and returns the status of the response.
 * Waits 0.25 s before the second attempt, then twice as long each time, up to 5 s.
 * @param deadline the end of the last attempt, on the clock of `performance.now()`
 * @param stopping ends the wait; one more attempt follows
 * @throws Error with the reason of the last failure
 */
export async function retry(
  attempt: (limitMs: number) => Promise<number | Failure>,
  deadline: number,
  stopping: AbortSignal,
): Promise<number> {
  for (let delayMs = 250; ; delayMs = Math.min(delayMs * 2, maxDelayMs)) {
    const isLast = stopping.aborted;
    const leftMs = Math.max(1, deadline - performance.now()); // a late timer may have passed the deadline
    const result = await attempt(Math.ceil(Math.min(attemptMs, leftMs)));
    if (typeof result === 'number') return result;
    const jitter = 0.8 + 0.4 * Math.random(); // so that the services don't all retry at once
    const waitMs = Math.max(result.retryAfterMs, delayMs * jitter);
    const isTooLate = performance.now() + waitMs >= deadline;
    if (!result.isRetryable || isLast || isTooLate) throw new Error(result.reason);
    await sleep(waitMs, undefined, { signal: stopping }).catch(() => {});
  }
}
