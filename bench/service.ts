import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

export type Options = {
  /** The file that sets up tracing, to preload; none if undefined. */
  telemetry?: string;
  env: Record<string, string>;
};

/** Starts a service on a free port: without sleep and failures, its log thrown away. */
export async function startService(SERVICE_NAME: string, { telemetry, env }: Options) {
  const child = forkNode('src/main.ts', [], { telemetry, env: { SERVICE_NAME, ...env } });
  const [port] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${SERVICE_NAME} exited with ${code}`))),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    /** The CPU time that the process has used, in microseconds. */
    async cpuUs(): Promise<number> {
      child.send('usage');
      const [{ user, system }] = await once(child, 'message');
      return user + system;
    },
    /** Stops it as Docker does: spans that still wait are sent first. */
    async stop(): Promise<void> {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** A Node process with the settings of otel.env, except for those in `env`. */
export function forkNode(file: string, args: string[], { telemetry, env }: Options): ChildProcess {
  const preloads = ['./bench/usage.ts', ...(telemetry ? [telemetry] : [])];
  return fork(file, args, {
    execArgv: ['--env-file=otel.env', ...preloads.flatMap((preload) => ['--import', preload])],
    env: { PATH: process.env.PATH, PORT: '0', SERVICE3_SLEEP_MS: '0', INTENTIONAL_FAILURE_PCT: '0', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}
