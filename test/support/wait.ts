import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats `check` until its result is truthy, and returns the result. Throws after 20 s, or `seconds`. */
export async function until<T>(
  condition: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 20,
) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${condition}`);
    await sleep(25);
  }
}

/** The result of `promise`, or 'too late' after 10 s, when Docker kills a container that has not stopped. */
export const within10s = <T>(promise: Promise<T>) =>
  Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 10_000, 'too late').unref())]);
