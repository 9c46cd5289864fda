import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { startViewer, zipkinAt } from '../support/backends.ts';
import { disposeAfterTests } from '../support/dispose-after-tests.ts';
import { b3, get, hex } from '../support/http.ts';
import { serve } from '../support/servers.ts';
import { startService } from '../support/services.ts';
import { noServicePackages } from '../support/skip.ts';
import { draw, traceOf } from '../support/trace.ts';
import { unlessItHangs, until } from '../support/wait.ts';
import { type Program, prepare, start, startPostgres } from './program.ts';

const toCommonJs = ['--ignoreConfig', '--outDir', '.', '--module', 'commonjs', '--strict', '--types', 'node'];
const tsc = ['../../node_modules/typescript/bin/tsc', ...toCommonJs];
const esbuild = ['../../node_modules/esbuild/bin/esbuild', '--bundle', '--platform=node', '--packages=external'];

const programs: Record<string, Program> = {
  'Express 4, CommonJS': { start: ['../../programs/express-4/app.cjs'], noHandler: true, routers: true },
  'Express 5, TypeScript as an ES module': { start: ['../../programs/express-5.ts'], routers: true },
  'NestJS compiled to CommonJS': {
    build: [...tsc, '--experimentalDecorators', '--emitDecoratorMetadata', '../../programs/nest.ts'],
    start: ['nest.js'],
  },
  'Fastify, close-with-grace': {
    start: ['../../programs/fastify.js'],
    add: {
      import: `import { FastifyOtelInstrumentation } from '@fastify/otel';`,
      instrumentation: 'new FastifyOtelInstrumentation({ registerOnInitialization: true })',
    },
    trace: `
SERVER shop get /orders/:id route=/orders/:id
  - shop request route=/orders/:id
    - shop handler - fastify -> @fastify/otel route=/orders/:id
      CLIENT shop get
        SERVER service3 get / route=/
          - service3 sleep_service3`,
  },
  Koa: {
    start: ['../../programs/koa.js'],
    add: {
      import: `import { KoaInstrumentation } from '@opentelemetry/instrumentation-koa';`,
      instrumentation: `new KoaInstrumentation({ ignoreLayersType: ['middleware'] })`,
      include: 'koa',
    },
    trace: `
SERVER shop get /orders/:id route=/orders/:id
  - shop router - /orders/:id route=/orders/:id
    CLIENT shop get
      SERVER service3 get / route=/
        - service3 sleep_service3`,
  },
  'pg, a database driver': {
    start: ['../../programs/pg.js'],
    add: {
      import: `import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';`,
      instrumentation: 'new PgInstrumentation()',
      include: 'pg',
    },
    trace: `
SERVER shop get /orders/:id route=/orders/:id
  CLIENT shop pg-pool.connect
    CLIENT shop pg.connect
  CLIENT shop pg.query:select postgres
  CLIENT shop get
    SERVER service3 get / route=/
      - service3 sleep_service3`,
  },
  'TypeScript compiled to CommonJS': {
    build: [...tsc, '../../programs/express-5.ts'],
    start: ['express-5.js'],
  },
  'TypeScript under tsx': { start: ['--import', 'tsx', '../../programs/express-5.ts'] },
  'TypeScript under tsx/cjs': { preload: '--require', start: ['--require', 'tsx/cjs', '../../programs/express-5.ts'] },
  'an esbuild bundle': {
    build: [...esbuild, '--outfile=bundle.js', '../../programs/express-5.ts'],
    start: ['bundle.js'],
  },
};

// The oldest ones that docs/your-service.md names.
for (const version of [22, 24]) {
  for (const kind of [
    'Express 4, CommonJS',
    'Express 5, TypeScript as an ES module',
    'TypeScript compiled to CommonJS',
    'TypeScript under tsx/cjs',
  ]) {
    const node = `${process.cwd()}/test/frameworks/node_modules/node-${version}/bin/node`;
    programs[`${kind}, on Node ${version}`] = { ...(programs[kind] as Program), node };
  }
}

const exampleTrace = `
SERVER shop get /orders/:id route=/orders/:id
  CLIENT shop get
    SERVER service3 get / route=/
      - service3 sleep_service3`;

const skip = noServicePackages();
const viewer = disposeAfterTests(await startViewer());
const service3 = disposeAfterTests(await startService('service3', { SERVICE3_SLEEP_MS: '1', ...viewer.env }));
// The next batch is a minute away: spans arrive because the end of the process sends them.
const onlyAtEnd = { OTEL_BSP_SCHEDULE_DELAY: '60000' };
const postgres = skip ? undefined : disposeAfterTests(await startPostgres());
const env = { DOWNSTREAM_URL: service3.url, DATABASE_URL: postgres?.url, ...viewer.env, ...onlyAtEnd };

const packagesOf = (folder: string) => JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')).dependencies;

test('docs/your-service.md has what each framework and driver needs, and the oldest versions of Node that are tested', () => {
  const page = readFileSync('docs/your-service.md', 'utf8');
  const { 'node-22': node22, 'node-24': node24 } = packagesOf('test/frameworks');
  const [oldest22, oldest24] = [node22, node24].map((name) => name.replace('npm:node@', ''));
  assert.ok(page.includes(`Node ${oldest22} or a newer 22.x, or ${oldest24} or newer`));
  for (const { add } of Object.values(programs)) {
    if (!add) continue;
    assert.ok(page.includes(add.instrumentation), add.instrumentation);
    if (add.include) assert.ok(page.includes(`'${add.include}'`), add.include);
  }
});

test('the packages have the versions of the example', () => {
  const packages = packagesOf('test/frameworks');
  assert.deepEqual({ ...packages, ...packagesOf('examples') }, packages);
});

describe('telemetry.mjs in', { skip, concurrency: 4 }, () => {
  for (const [name, program] of Object.entries(programs)) {
    describe(name, { concurrency: 1 }, () => {
      const folder = `test/frameworks/run/${name.replaceAll(/\W+/g, '-')}`;
      before(() => prepare(program, folder));

      test('a request is one trace with service3, and has its route', async () => {
        await using shop = await start(program, folder, env);
        const traceId = hex(32);
        const { body } = await get(`${shop.url}/orders/7`, b3(traceId));
        assert.deepEqual(body, { order: '7', downstream: { slept_ms: 1 } });
        shop.signal('SIGTERM');
        assert.equal(await unlessItHangs(shop.exit), 0, shop.text.stderr);
        const expected = (program.trace ?? exampleTrace).trim();
        assert.equal(draw(await traceOf(viewer, traceId, expected.split('\n').length)), expected);
      });

      test('a 500 is red', async () => {
        await using shop = await start(program, folder, env);
        const traceId = hex(32);
        const response = await fetch(`${shop.url}/fail`, { headers: b3(traceId) });
        assert.equal(response.status, 500);
        shop.signal('SIGTERM');
        assert.equal(await unlessItHangs(shop.exit), 0, shop.text.stderr);
        const [root] = draw(await viewer.trace(traceId)).split('\n');
        assert.equal(root, 'SERVER shop get /fail route=/fail error=500');
      });

      if (program.routers) {
        test('two routers at one path have their own routes', async () => {
          await using shop = await start(program, folder, env);
          const traceId = hex(32);
          await fetch(`${shop.url}/api/orders/7`, { headers: b3(traceId) });
          shop.signal('SIGTERM');
          assert.equal(await unlessItHangs(shop.exit), 0, shop.text.stderr);
          assert.equal(draw(await viewer.trace(traceId)), 'SERVER shop get /api/orders/:id route=/api/orders/:id');
        });
      }

      if (!program.noHandler) {
        test('SIGTERM during a request: the response is whole, and its spans arrive', async () => {
          await using shop = await start(program, folder, env);
          const traceId = hex(32);
          const response = fetch(`${shop.url}/slow`, { headers: { ...b3(traceId), connection: 'close' } });
          await until('the request to be in flight', () => shop.text.stdout.includes('slow'));
          shop.signal('SIGTERM');
          assert.equal(await (await response).text(), 'whole');
          assert.equal(await unlessItHangs(shop.exit), 0, shop.text.stderr);
          assert.match(shop.text.stdout, /closed/, 'its handler was not cut');
          const [root] = draw(await viewer.trace(traceId)).split('\n');
          assert.equal(root, 'SERVER shop get /slow route=/slow');
        });
      }

      test('an uncaught error: its stack is printed, its spans arrive, exit 1', async () => {
        await using shop = await start(program, folder, env);
        const traceId = hex(32);
        await fetch(`${shop.url}/crash`, { headers: b3(traceId) });
        assert.equal(await unlessItHangs(shop.exit), 1);
        assert.match(shop.text.stderr, /Error: the cause\n\s+at /);
        const [root] = draw(await viewer.trace(traceId)).split('\n');
        assert.equal(root, 'SERVER shop get /crash route=/crash');
      });

      test('a backend that hangs: it exits', async () => {
        await using hung = await serve(() => {});
        const patient = { ...env, ...zipkinAt(hung.url).env, OTEL_BSP_EXPORT_TIMEOUT: '610000' };
        await using shop = await start(program, folder, patient);
        await fetch(`${shop.url}/fail`);
        shop.signal('SIGTERM');
        assert.equal(await unlessItHangs(shop.exit), 0, shop.text.stderr);
      });

      test('without otel.env: one line on stderr', async () => {
        await using shop = await start(program, folder, {}, []);
        await until('a line on stderr', () => shop.text.stderr);
        assert.match(shop.text.stderr, /^telemetry\.mjs: OTEL_SERVICE_NAME is not set\..*\n$/);
      });
    });
  }
});
