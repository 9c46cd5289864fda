import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { run } from './process.ts';
import { until } from './wait.ts';

/** The variables of the example's otel.env, with those for a plain Zipkin, which are commented out. */
export const forZipkin = () =>
  parseEnv(readFileSync('examples/otel.env', 'utf8').replace(/^#(?=OTEL_(TRACES_EXPORTER|EXPORTER_ZIPKIN))/gm, ''));

/** Runs `program` as the start script of the example runs app.js, on a free port, with `env` on top of its otel.env. */
export function runExample(env: Record<string, string | undefined>, program = ['app.js']) {
  const { scripts } = JSON.parse(readFileSync('examples/package.json', 'utf8'));
  const [, ...args] = scripts.start.replace('app.js', '').trim().split(' '); // without `node`
  return run(process.execPath, [...args, ...program], { PORT: '0', ...env }, 'examples');
}

/** The same, once it listens. */
export async function startExample(env: Record<string, string | undefined>, program?: string[]) {
  const service = runExample(env, program);
  const url = await until('the example to listen', () => service.text.stdout.match(/http:\S+/)?.[0]);
  return { url, ...service };
}
