import { setTimeout as sleep } from 'node:timers/promises';

/** Only what hangs takes this long, however busy the machine is. */
export const hangSeconds = 120;

/** Repeats `check` until its result is truthy, and returns the result. Throws after `seconds`. */
export async function until<T>(
  condition: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = hangSeconds,
) {
  const deadline = performance.now() + seconds * 1000; // not Date, which a test may mock
  for (;;) {
    const found = await check();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`waited ${seconds} s for ${condition}`);
    await sleep(25);
  }
}

/** The result of `promise`, or 'hangs'. */
export const unlessItHangs = <T>(promise: Promise<T>) =>
  Promise.race([promise, new Promise<'hangs'>((resolve) => setTimeout(resolve, hangSeconds * 1000, 'hangs').unref())]);
