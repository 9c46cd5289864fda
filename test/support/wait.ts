import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `look` gives something, for 20 s or as long as it says. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 20,
) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for: ${what}`);
    await sleep(25);
  }
}

/** What `promise` comes to, unless it takes longer than the 10 s after which Docker kills. */
export const within10s = <T>(promise: Promise<T>) =>
  Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 10_000, 'too late').unref())]);
