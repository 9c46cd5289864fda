// Part of `npm run check`: what each room may import, besides its own files and Node's. Everything else is refused.
import { globSync, readFileSync } from 'node:fs';
import { join, matchesGlob, normalize } from 'node:path';

const rooms: Record<string, string[]> = {
  'src/services/**': ['src/config/*', '@opentelemetry/api', 'express', 'pino'], // the API: a service runs without the SDK
  'src/telemetry.ts': [
    ...['src/telemetry/**', 'src/loaded-config.ts', 'src/log.ts', 'src/config/*'],
    ...['src/server/shutdown.ts', 'src/server/untraced-filter.ts'],
    ...['@opentelemetry/{instrumentation-express,instrumentation-http,instrumentation-undici,resources,sdk-node}'],
    'import-in-the-middle/register-hooks.mjs',
  ],
  'src/telemetry/upstream/**': ['src/telemetry/*', '@opentelemetry/*', 'express'], // copied into other services
  'src/telemetry/*': ['src/telemetry/upstream/**', '@opentelemetry/*', 'express'],
  'src/config/*': ['src/services.ts', 'valibot'],
  'src/server/**': ['src/config/config.ts', 'express', 'pino'], // handlers, settings and log are parameters
  'src/main.ts': [
    ...['src/services/service*.ts', 'src/services.ts', 'src/server/{app,shutdown}.ts', 'src/server/page/page.ts'],
    ...['src/loaded-config.ts', 'src/config/compose-warnings.ts', 'src/log.ts', 'src/telemetry/caller-disconnected.ts'],
    'express',
  ],
  'src/loaded-config.ts': ['src/config/config.ts'],
  'src/log.ts': ['src/loaded-config.ts', 'src/config/config.ts', '@opentelemetry/api', 'pino'],
  'src/services.ts': [],
  'local/viewer/**': [
    ...['local/{die,find-port}.ts', 'src/telemetry/zipkin-format.ts'],
    ...['@grpc/grpc-js', '@opentelemetry/api', 'express', 'protobufjs', 'valibot', '/viewer/lit-html/**'],
  ],
  'local/*': [
    'local/viewer/{listen,span}.ts',
    'local/viewer/page/{text,trace}.js',
    'src/config/*',
    'src/services.ts',
    'src/server/page/trace-list-url.ts',
    'express',
    'pino-pretty',
  ],
  'bench/*': ['test/support/servers.ts', 'protobufjs'],
  'examples/*': ['@opentelemetry/*', 'express', 'import-in-the-middle/register-hooks.mjs'],
};

/** The files and packages that a file imports. A computed import is returned as its expression, which no room allows. */
function importsOf(file: string): string[] {
  const imports = readFileSync(file, 'utf8').matchAll(/\b(?:from |import |import\()('[^']+'|(?<=\()[^)]*)/g);
  return [...imports].map(([, quoted = '']) => {
    const name = quoted.replaceAll("'", '');
    return name.startsWith('.') ? normalize(join(file, '..', name)) : name;
  });
}

const problems: string[] = [];
for (const file of globSync('**/*.{ts,js,mjs,cjs}', { exclude: ['node_modules/**', 'test/**', 'docs/**'] })) {
  const [room, others] = Object.entries(rooms).find(([pattern]) => matchesGlob(file, pattern)) ?? ['', []];
  if (!room) problems.push(`${file} is in no room`);
  for (const target of importsOf(file)) {
    const isAllowed = [room, ...others].some((pattern) => matchesGlob(target, pattern));
    if (!isAllowed && !target.startsWith('node:')) problems.push(`${file} may not import ${target}`);
  }
}
for (const problem of problems) console.error(`${problem}: see the table in test/rooms.ts`);
process.exitCode = problems.length > 0 ? 1 : 0;
