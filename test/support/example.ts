import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Backend } from './backends.ts';
import { b3, hex } from './http.ts';
import { run } from './process.ts';
import { unlessItHangs, until } from './wait.ts';

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

/** The next batch is a minute away: spans arrive because the end of the process sends them. */
export const onlyAtShutdown = { OTEL_BSP_SCHEDULE_DELAY: '60000' };

/** An Express app with these statements; `service` is its server, and `/held` responds when the test says so. */
export const programOf = (statements = '') => [
  '--input-type=module',
  '-e',
  `import express from 'express';
   import { request } from 'node:http';
   const app = express();
   let release;
   app.get('/ok', (req, res) => void res.end());
   app.get('/held', (req, res) => { release = () => res.end('whole'); });
   app.get('/throws', () => { throw new Error('no'); });
   app.get('/calls', async (req, res) => {
     await (await fetch(service + '/throws')).text();
     request(service + '/ok', (ok) => ok.resume().on('end', () => res.end())).end();
   });
   app.get('/crash', (req, res) => { res.end(); setImmediate(() => { throw new Error('the cause'); }); });
   app.get('/end', (req, res) => { res.end(); server.close(); server.closeIdleConnections(); });
   app.use((error, req, res, next) => void res.status(500).end());
   const server = app.listen(0, () => console.log(service = 'http://127.0.0.1:' + server.address().port));
   let service;
   ${statements}`,
];

type Options = { statements?: string; env?: Record<string, string>; signal?: 'SIGTERM' };

/** Requests a path of a program. When it has ended: how, and its spans in the viewer. */
export async function endAfter(path: string, viewer: Backend & { url: string }, options: Options = {}) {
  const { statements, env = { OTEL_EXPORTER_OTLP_ENDPOINT: viewer.url }, signal } = options;
  await using shop = await startExample({ ...env, ...onlyAtShutdown }, programOf(statements));
  const traceId = hex(32);
  await (await fetch(shop.url + path, { headers: b3(traceId) })).text();
  if (signal) shop.signal(signal);
  const code = await unlessItHangs(shop.exit);
  return { code, spans: await viewer.trace(traceId), ...shop.text };
}
