// A service as the benchmark runs it: on a free port, without sleep and failures, its log thrown away.
import { type ChildProcess, fork as forkNode } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Usage } from './usage.ts';

export type Mode = { telemetry: boolean; env: Record<string, string> };

/** Starts one service and times it, from the start of the process to its first answer. */
export async function startService(SERVICE_NAME: string, { telemetry, env }: Mode) {
  const started = performance.now();
  const child = fork('src/main.ts', [], { telemetry, env: { SERVICE_NAME, ...env } });
  const [port] = await Promise.race([once(child, 'message'), untimelyExit(child, SERVICE_NAME)]);
  const url = `http://127.0.0.1:${port}`;
  await (await fetch(`${url}/health`)).text();
  return {
    url,
    startMs: performance.now() - started,
    async usage(): Promise<Usage> {
      child.send('usage');
      const [usage] = await once(child, 'message');
      return usage;
    },
    /** Stops it as Docker does: what it still holds is sent first. */
    async stop(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([exit, sleep(10_000, undefined, { ref: false })]);
      child.kill('SIGKILL');
    },
  };
}

/** A process with the settings of otel.env, and on top of them those of the benchmark and `env`. */
export function fork(file: string, args: string[], { telemetry, env }: Mode): ChildProcess {
  const preloads = ['./bench/usage.ts', ...(telemetry ? ['./src/telemetry.ts'] : [])];
  return forkNode(file, args, {
    execArgv: ['--env-file=otel.env', ...preloads.flatMap((file) => ['--import', file])],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: 'node_modules/.cache/node', // as `npm start` has it
      PORT: '0',
      SERVICE3_SLEEP_MS: '0',
      INTENTIONAL_FAILURE_PCT: '0',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

async function untimelyExit(child: ChildProcess, name: string): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`${name} exited with ${code} while it started`);
}
