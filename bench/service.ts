import { fork } from 'node:child_process';
import { once } from 'node:events';

const settings = {
  SERVICE3_SLEEP_MS: '0',
  INTENTIONAL_FAILURE_PCT: '0',
  // This project's defaults, for OpenTelemetry out of the box too.
  OTEL_TRACES_EXPORTER: 'zipkin',
  OTEL_PROPAGATORS: 'b3multi,baggage',
};

export type ServiceProcess = Awaited<ReturnType<typeof startService>>;

/** Starts a service on a free port, its log discarded. `telemetry`: the file that sets up tracing. */
export async function startService(SERVICE_NAME: string, telemetry: string | undefined, env: Record<string, string>) {
  const preloads = ['./bench/usage.ts', ...(telemetry ? [telemetry] : [])];
  const child = fork('src/main.ts', {
    execArgv: ['--env-file=otel.env', ...preloads.flatMap((preload) => ['--import', preload])],
    env: { PATH: process.env.PATH, PORT: '0', SERVICE_NAME, OTEL_SERVICE_NAME: SERVICE_NAME, ...settings, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
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
    async [Symbol.asyncDispose]() {
      if (child.kill()) await once(child, 'exit');
    },
  };
}
