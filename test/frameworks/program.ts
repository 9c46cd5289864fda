import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { run, urlOf } from '../support/process.ts';
import { until } from '../support/wait.ts';

export type Program = {
  /** The arguments of Node, after those that preload telemetry.mjs. */
  start: string[];
  /** The option that preloads telemetry.mjs, unless it is --import. */
  preload?: '--require';
  /** It has two routers at `/api`. */
  routers?: true;
  /** The arguments of Node that compile or bundle it. */
  build?: string[];
  /** What its framework or driver needs in telemetry.mjs. */
  add?: { import: string; instrumentation: string; include?: string };
  /** The spans of `/orders/7`, unless they are those of the example. */
  trace?: string;
  /** It leaves SIGTERM to telemetry.mjs, which ends requests in progress. */
  noHandler?: true;
  /** The Node that runs it, unless it is the one that runs the tests. */
  node?: string;
};

/** telemetry.mjs with another instrumentation, as docs/your-service.md says. */
function edit(telemetry: string, add: Program['add']) {
  const replace = (place: string, replacement: string) => {
    assert.ok(telemetry.includes(place), place);
    telemetry = telemetry.replace(place, replacement);
  };
  if (add) {
    replace('import { NodeSDK }', `${add.import}\nimport { NodeSDK }`);
    replace('instrumentations: [\n', `instrumentations: [\n    ${add.instrumentation},\n`);
  }
  if (add?.include) replace("include: ['express']", `include: ['express', '${add.include}']`);
  return telemetry;
}

/** Makes the folder that the program runs in: telemetry.mjs, otel.env, and what the build writes, which is CommonJS. */
export async function prepare(program: Program, folder: string) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync('examples/otel.env', `${folder}/otel.env`);
  writeFileSync(`${folder}/telemetry.mjs`, edit(readFileSync('examples/telemetry.mjs', 'utf8'), program.add));
  writeFileSync(`${folder}/package.json`, '{ "type": "commonjs" }');
  if (!program.build) return;
  await using build = run(process.execPath, program.build, {}, folder);
  assert.equal(await build.exit, 0, build.text.stdout + build.text.stderr);
}

/** Starts a prepared program, and waits until it listens. */
export async function start(
  program: Program,
  folder: string,
  env: Record<string, string | undefined>,
  envFile = ['--env-file=otel.env'],
) {
  const args = [...envFile, program.preload ?? '--import', './telemetry.mjs', ...program.start];
  const service = run(program.node ?? process.execPath, args, { PORT: '0', ...env }, folder);
  return { url: await urlOf('the program', service), ...service };
}

/** PostgreSQL on a free port. */
export async function startPostgres() {
  const program = 'test/frameworks/node_modules/@electric-sql/pglite-socket/dist/scripts/server.js';
  const server = run(process.execPath, [program, '--port=0'], {});
  const port = await until('PostgreSQL to listen', () => server.text.stdout.match(/"port":(\d+)/)?.[1]);
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, ...server };
}
