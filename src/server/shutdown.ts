import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import type { Logger } from 'pino';

const drainMs = 5000;
const flushMs = 4000; // together less than the 10 s after which Docker kills by default
const crashFlushMs = 1000;

const tasks: (() => Promise<unknown>)[] = [];

/** Adds work to do after the last response and before the process exits, such as sending the last spans. */
export function onShutdown(task: () => Promise<unknown>): void {
  tasks.push(task);
}

/**
 * On SIGTERM, SIGINT or SIGHUP: accepts no new connection, lets requests in flight finish (5 s at most), runs the tasks
 * given to onShutdown (4 s at most) and exits with code 0. A second signal is ignored: it must not interrupt the flush.
 */
export function closeOnSignal(server: Server): void {
  let isClosing = false;
  const close = async () => {
    if (isClosing) return;
    isClosing = true;
    await Promise.race([drain(server), sleep(drainMs, undefined, { ref: false })]);
    await flush(flushMs);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, close);
}

/** On an uncaught exception or rejection: logs it, runs the tasks (1 s at most) and exits with code 1. */
export function exitOnCrash(log: Logger): void {
  let hasCrashed = false;
  process.on('uncaughtException', async (error) => {
    if (hasCrashed) return; // later errors must not interrupt the flush
    hasCrashed = true;
    process.exitCode = 1;
    logFatal(log, error);
    await flush(crashFlushMs);
    process.exit();
  });
}

function logFatal(log: Logger, error: unknown): void {
  try {
    addPlace(error);
    log.fatal({ err: error }, `uncaught: ${error}`);
  } catch {
    // anything can be thrown: a symbol, an error whose message throws
    log.fatal(`uncaught: ${inspect(error, { customInspect: false })}`);
  }
}

/** The stack of a SyntaxError in an ES module has no file and no line. Node knows them, and node:vm adds them. */
function addPlace(error: unknown): void {
  if (!(error instanceof SyntaxError && error.stack?.includes('at compileSourceTextModule'))) return;
  try {
    runInNewContext('throw error', { error });
  } catch {
    // it is the same error
  }
}

function flush(limitMs: number): Promise<unknown> {
  const runs = tasks.map(async (task) => task()); // async: a task that throws must not keep the others from running
  return Promise.race([Promise.allSettled(runs), sleep(limitMs, undefined, { ref: false })]);
}

async function drain(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // close() drops connections that are idle now. A busy one becomes idle later, and would stay open.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(idle);
}
