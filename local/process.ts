import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const preloads = ['--import', './src/telemetry.ts', '--import', './local/stop-with-parent.ts'];

/** A service that has not stopped after this time is killed. It needs 9 s at most, unless it spins or is suspended. */
export const graceMs = 10_000;

/** Starts a service. `print` gets the lines that it writes. */
export function startProcess(
  env: NodeJS.ProcessEnv,
  print: (line: string) => void,
  program = './src/main.ts',
): ChildProcess {
  const service = spawn(process.execPath, [...preloads, program], {
    detached: true, // a Ctrl-C in the terminal is for the launcher alone: it stops the services, in order
    env,
    stdio: 'pipe',
  });
  for (const output of [service.stdout, service.stderr]) createInterface(output).on('line', print);
  return service;
}

/** Stops a service, unless it has stopped already, and waits until it has sent its last spans. */
export async function stopProcess(service: ChildProcess): Promise<void> {
  if (service.exitCode !== null || service.signalCode !== null) return;
  service.stdin?.end();
  const kill = setTimeout(() => service.kill('SIGKILL'), graceMs);
  await once(service, 'exit');
  clearTimeout(kill);
}

/** Waits until the service at `url` responds. */
export async function waitFor(url: string): Promise<void> {
  while (!(await fetch(`${url}/health`).catch(() => undefined))) await sleep(50);
}
