import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { until } from './wait.ts';

const NODE_COMPILE_CACHE = resolve('node_modules/.cache/node'); // a start takes 0.8 of the time

/** Starts a process and keeps its output. Disposal kills the process if it is still running. */
export function run(
  command: string,
  args: string[],
  env: Record<string, string | undefined>,
  cwd = process.cwd(),
  stdin: 'ignore' | 'pipe' = 'ignore',
) {
  const child: ChildProcess = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE, ...env },
    detached: true, // a process group of its own, which can be signaled as a terminal does
    stdio: [stdin, 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.stderr += chunk;
  });
  const exit = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return {
    pid: child.pid as number,
    stdin: child.stdin,
    text,
    exit,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    closeStdout: () => void child.stdout?.destroy(),
    pauseStdout: () => void child.stdout?.pause(),
    resumeStdout: () => void child.stdout?.resume(),
    signalGroup: (signal: NodeJS.Signals) => process.kill(-(child.pid as number), signal),
    async [Symbol.asyncDispose]() {
      try {
        // the group: a child of npm would keep the output open, and `exit` pending
        process.kill(-(child.pid as number), 'SIGKILL');
      } catch {
        // it has exited
      }
      await exit;
    },
  };
}

/** The URL that a service prints once it listens. */
export async function urlOf(name: string, { text, exit }: ReturnType<typeof run>) {
  const exited = exit.then((code) => {
    throw new Error(`${name} exited with ${code}: ${text.stderr}`);
  });
  const listening = until(`${name} to listen`, () => text.stdout.match(/http:\/\/[\w.:[\]]+/)?.[0]);
  const url = await Promise.race([listening, exited]);
  exited.catch(() => {}); // once it listens it may exit
  return url;
}
