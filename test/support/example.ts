import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { run } from './process.ts';
import { until } from './wait.ts';

export const examples = ['es-modules', 'commonjs', 'older-node'] as const;

/** The variables of an example's otel.env, with those that are commented out in place of the defaults. */
export const alternatives = (folder: string) =>
  parseEnv(readFileSync(`examples/${folder}/otel.env`, 'utf8').replace(/^#(?=OTEL_)/gm, ''));

/** Runs the start script of an example on a free port, with `env` on top of its otel.env. */
export async function startExample(folder: string, env: Record<string, string | undefined>) {
  const { scripts } = JSON.parse(readFileSync(`examples/${folder}/package.json`, 'utf8'));
  const [, ...args] = scripts.start.split(' '); // without `node`
  const service = run(process.execPath, args, { PORT: '0', ...env }, `examples/${folder}`);
  const url = await until(`${folder} to listen`, () => service.text.stdout.match(/http:\S+/)?.[0]);
  return { url, ...service };
}
