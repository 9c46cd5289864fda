import { run } from './process.ts';
import { spansLeaveSoon } from './services.ts';
import { until } from './wait.ts';

/** Runs `source`, which defines an Express `app`, on a free port with the demo's telemetry.ts and otel.env. */
export async function startApp(env: Record<string, string>, source: string) {
  const listen = `import { createServer } from 'node:http';
    const server = createServer(app).listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port));`;
  const args = ['--env-file=otel.env', '--import', './src/telemetry.ts', '--input-type=module', '-e', source + listen];
  const service = run(process.execPath, args, { ...spansLeaveSoon, ...env });
  const url = await until('the app to listen', () => service.text.stdout.match(/http:\/\/[\d.:]+/)?.[0]);
  return { url, ...service };
}
