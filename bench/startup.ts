// How long it takes until the demo is there, as a user starts it, and how large the image is.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { openPorts } from '../test/support/ports.ts';
import { percentile } from './statistics.ts';

const run = async (command: string, ...args: string[]) => (await promisify(execFile)(command, args)).stdout.trim();
const compose = (...args: string[]) => run('docker', 'compose', '-p', 'tracing-demo-bench', ...args);
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** What was measured, in words; what could not be, with the reason. */
export async function measureStartup(progress: (what: string) => void): Promise<Record<string, string>> {
  const [taken] = await openPorts([5001, 5002, 5003, 9411]);
  if (taken) return { '`npm start`, `docker compose up`': `not measured: port ${taken} is taken` };
  progress('npm start');
  const results = { '`npm start` to ready': seconds(await timeNpmStart()) };
  try {
    progress('docker compose build');
    await compose('build', '--quiet');
    progress('docker compose up');
    const upMs = await timeComposeUp();
    progress('the image, with and without tracing');
    const [traced, untraced] = await timeContainers();
    const bytes = Number(await run('docker', 'image', 'inspect', '-f', '{{.Size}}', 'tracing-demo'));
    const base = Number(await run('docker', 'image', 'inspect', '-f', '{{.Size}}', 'node:26-slim'));
    return {
      ...results,
      '`docker compose up` to all healthy, images present': seconds(upMs),
      'container of one service to its first answer, traced': `${traced.toFixed(0)} ms`,
      '… and without tracing': `${untraced.toFixed(0)} ms`,
      '… ratio': (traced / untraced).toFixed(2),
      'image, and node:26-slim in it': `${(bytes / 1e6).toFixed(0)} MB, ${(base / 1e6).toFixed(0)} MB`,
    };
  } catch (error) {
    const reason = (error as Error).message.trim().split('\n').at(-1);
    return { ...results, '`docker compose up`': `not measured: ${reason}` };
  }
}

async function timeNpmStart(): Promise<number> {
  const start = performance.now();
  const child = spawn('npm', ['start'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout)) if (line.endsWith('| ready')) break;
  const ms = performance.now() - start;
  child.kill('SIGTERM');
  await once(child, 'exit');
  return ms;
}

async function timeComposeUp(): Promise<number> {
  try {
    await compose('create', '--pull', 'never');
    const start = performance.now();
    await compose('up', '--detach', '--wait', '--pull', 'never');
    return performance.now() - start;
  } finally {
    await compose('down', '--volumes');
  }
}

/** Medians of three, in turn: with tracing, and without. */
async function timeContainers(): Promise<[number, number]> {
  const traced: number[] = [];
  const untraced: number[] = [];
  for (let round = 0; round < 3; round++) {
    traced.push(await timeContainer([]));
    untraced.push(await timeContainer(['node', 'src/main.ts']));
  }
  return [percentile(traced, 50), percentile(untraced, 50)];
}

async function timeContainer(command: string[]): Promise<number> {
  const settings = ['--env-file', 'otel.env', '-e', 'SERVICE_NAME=service3', '-e', 'HOST=0.0.0.0', '-e', 'PORT=5003'];
  const id = await run(
    'docker',
    'create',
    '--init',
    '-p',
    '127.0.0.1:5003:5003',
    ...settings,
    'tracing-demo',
    ...command,
  );
  try {
    const start = performance.now();
    await run('docker', 'start', id);
    while (!(await fetch('http://127.0.0.1:5003/health').catch(() => undefined))?.ok);
    return performance.now() - start;
  } finally {
    await run('docker', 'rm', '--force', id);
  }
}
