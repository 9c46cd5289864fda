import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { run } from './process.ts';
import { until } from './wait.ts';

export const examples = ['es-modules', 'commonjs', 'older-node'] as const;

/** The variables that an example's otel.env holds commented out, as the lines to change. */
export const alternatives = (folder: string) =>
  parseEnv(readFileSync(`examples/${folder}/otel.env`, 'utf8').replace(/^#(?=OTEL_)/gm, ''));

/** Runs the start script of an example, as it stands, on a free port, with these variables on top of its otel.env. */
export async function startExample(folder: string, env: Record<string, string | undefined>) {
  const { scripts } = JSON.parse(readFileSync(`examples/${folder}/package.json`, 'utf8'));
  const [node, ...args] = scripts.start.split(' ');
  const service = run(node, args, { PORT: '0', ...env }, `examples/${folder}`);
  const url = await until(`${folder} to listen`, () => service.text.stdout.match(/http:\S+/)?.[0]);
  return { url, ...service };
}
