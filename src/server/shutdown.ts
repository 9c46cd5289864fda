import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const drainMs = 5000;
const flushMs = 4000; // together less than the 10 s after which Docker kills

const tasks: (() => Promise<unknown>)[] = [];

/** Adds work to be done once the last request has been answered and before the process exits, such as sending the last spans. */
export function onShutdown(task: () => Promise<unknown>): void {
  tasks.push(task);
}

/**
 * On SIGTERM or SIGINT: takes no new connection, lets the requests in flight finish (for at most 5 s), runs the tasks
 * given to onShutdown (for at most 4 s) and exits with code 0. A second signal changes nothing: it must not cut the flush.
 */
export function closeOnSignal(server: Server): void {
  let closing = false;
  const close = async () => {
    if (closing) return;
    closing = true;
    await Promise.race([drain(server), sleep(drainMs)]);
    await Promise.race([Promise.allSettled(tasks.map((task) => task())), sleep(flushMs)]);
    process.exit(0);
  };
  process.on('SIGTERM', close);
  process.on('SIGINT', close);
}

async function drain(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // close() drops the connections that are idle now; one that carries a request becomes idle later, and would be kept alive for 5 s.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(idle);
}
