import { fork } from 'node:child_process';
import { once } from 'node:events';

export type RunningService = Awaited<ReturnType<typeof runService>>;

/** Runs a service on a free port, its log discarded. `telemetry` is the file that sets up tracing. */
export async function runService(name: string, telemetry: string | undefined, env: Record<string, string>) {
  const preloads = ['./bench/usage.ts', ...(telemetry ? [telemetry] : [])];
  const settings = { PORT: '0', SERVICE3_SLEEP_MS: '0', INTENTIONAL_FAILURE_PCT: '0' };
  const child = fork('src/main.ts', {
    execArgv: ['--env-file=otel.env', ...preloads.flatMap((preload) => ['--import', preload])],
    env: { PATH: process.env.PATH, SERVICE_NAME: name, OTEL_SERVICE_NAME: name, ...settings, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [port] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} exited with ${code}`))),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    /** The CPU time that the process has used, in microseconds. */
    async cpuUs(): Promise<number> {
      child.send('usage');
      const [{ user, system }] = await once(child, 'message');
      return user + system;
    },
    async [Symbol.asyncDispose]() {
      if (child.kill()) await once(child, 'exit');
    },
  };
}
