import assert from 'node:assert/strict';
import { openPorts } from './ports.ts';
import { run } from './process.ts';
import { unless } from './skip.ts';
import { until } from './wait.ts';

const ports = [5001, 5002, 5003, 9411, 4318, 4317];
export const open = () => openPorts(ports);
export const npmStart = (env: Record<string, string> = {}) => run('npm', ['start'], { HOME: process.env.HOME, ...env });
/** The same without npm, which takes a third of a second. */
export const start = (env: Record<string, string> = {}) => run(process.execPath, ['local/start.ts'], env);
export type Started = ReturnType<typeof npmStart>;
const isReady = (started: Started) => started.text.stdout.includes('start    | stop with Ctrl-C');
export const ready = (started: Started) =>
  Promise.race([
    until('npm start to be ready', () => isReady(started)),
    started.exit.then(() => assert.ok(isReady(started), started.text.stdout + started.text.stderr)),
  ]);
export const notes = ({ text }: Started) =>
  (text.stdout + text.stderr).split('\n').flatMap((line) => line.match(/^start +\| (.*)/)?.[1] ?? []);
export const stop = async (started: Started) => {
  started.signalGroup('SIGINT');
  assert.ok([0, 130].includes((await started.exit) as number));
};
/** Runs `code` in the launcher and in its services, before all else. */
export const preload = (code: string) => ({
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}`,
});

/** The reason to skip: `npm start` has the ports that the README names. */
export async function portsInUse(): Promise<string | false> {
  const taken = await open();
  return unless(taken.length === 0, `ports in use: ${taken.join(', ')}`);
}
