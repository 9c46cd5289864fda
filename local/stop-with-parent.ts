// Preloaded into the services of `npm start`: when the launcher closes their standard input, or dies, they stop as at a
// SIGTERM, or are killed. A worker does this, because the main thread may spin.
import { Socket } from 'node:net';
import { isMainThread, Worker } from 'node:worker_threads';
import { graceMs } from './process.ts';

if (isMainThread) {
  // Without the preloads, of which this file is one. unref: a service that has nothing left to do must end.
  new Worker(new URL(import.meta.url), { execArgv: [] }).unref();
} else {
  const stdin = new Socket({ fd: 0, readable: true }); // a worker's process.stdin is fed by the main thread
  stdin.on('end', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs);
  });
  stdin.resume();
}
