import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { startViewer } from '../support/backends.ts';
import { disposeAfterTests } from '../support/dispose-after-tests.ts';
import { b3, hex } from '../support/http.ts';
import { run, urlOf } from '../support/process.ts';
import { serve } from '../support/servers.ts';
import { noServicePackages } from '../support/skip.ts';
import { unlessItHangs } from '../support/wait.ts';

const skip = noServicePackages();
const folder = 'test/frameworks/run/ends';
const viewer = disposeAfterTests(await startViewer());
const sentryServer = disposeAfterTests(await serve((_req, res) => void res.end('{}')));
const env = {
  ...viewer.env,
  OTEL_BSP_SCHEDULE_DELAY: '60000', // the next batch is a minute away: spans arrive because the end of the process sends them
  DSN: `${sentryServer.url.replace('//', '//key@')}/1`,
};

/** What a request to `/crash/KIND` does, and what Node prints then. */
const crashes = {
  'throws an error': [`() => { throw new Error('the cause'); }`, /Error: the cause\n\s+at /],
  'rejects a promise': [`() => Promise.reject(new Error('the cause'))`, /Error: the cause\n\s+at /],
  'throws a symbol': [`() => { throw Symbol('the cause'); }`, /--trace-uncaught/],
  'throws an object without a prototype': [
    `() => { throw Object.create(null, { the: { value: 'cause', enumerable: true } }); }`,
    /the: 'cause'/,
  ],
  'throws an error whose message throws': [
    `() => { throw Object.defineProperty(new Error(), 'message', { get() { throw new Error('no'); } }); }`,
    /--trace-uncaught/,
  ],
  'throws an error that can’t be inspected': [
    `() => {
       const [inspect, error] = [Symbol.for('nodejs.util.inspect.custom'), new Error('the cause')];
       throw Object.assign(error, { [inspect]() { throw new Error('no'); } });
     }`,
    /Error: the cause\n\s+at /,
  ],
  'throws every millisecond': [
    `() => setInterval(() => { throw new Error('the cause'); }, 1)`,
    /^(?!.*the cause.*the cause).*Error: the cause\n/s, // once
  ],
  'imports an invalid module': [`() => import('./invalid.mjs')`, /invalid\.mjs:2\n.*\^.*SyntaxError/s],
  'has a worker that throws': [
    `() => new Worker('throw new Error("the cause")', { eval: true })`,
    /Error: the cause\n\s+at \[worker eval\]/,
  ],
} as const;

const files = {
  'sentry-10.mjs': `import { init } from 'sentry-10'; init({ dsn: process.env.DSN, skipOpenTelemetrySetup: true });`,
  'sentry-11.mjs': `import { init } from 'sentry-11'; init({ dsn: process.env.DSN, skipOpenTelemetrySetup: true });`,
  'first-sdk.mjs': `import { init } from 'sentry-10'; init({ dsn: process.env.DSN, tracesSampleRate: 1 });`,
  'signal-exit-3.mjs': `import onExit from 'signal-exit-3'; onExit(() => console.log('cleaned up'));`,
  'signal-exit-4.mjs': `import { onExit } from 'signal-exit-4'; onExit(() => console.log('cleaned up'));`,
  'lock.mjs': `import lockfile from 'proper-lockfile'; lockfile.lockSync('app.mjs', { lockfilePath: process.env.LOCK });`,
  'invalid.mjs': '\nconst file +',
  'app.mjs': `
    import { Worker } from 'node:worker_threads';
    import express from 'express';
    const crashes = { ${Object.entries(crashes).map(([kind, [statement]]) => `'${kind}': ${statement}`)} };
    const app = express();
    app.get('/ok', (req, res) => void res.end());
    app.get('/worker', (req, res) => {
      const worker = new Worker('throw new Error("the cause")', { eval: true });
      worker.on('error', ({ message }) => void res.end(message));
    });
    app.get('/crash/:kind', (req, res) => {
      res.end();
      setImmediate(crashes[req.params.kind]);
    });
    const server = app.listen(0, () => console.log('http://127.0.0.1:' + server.address().port));`,
};

const nodes = {
  22: `${process.cwd()}/test/frameworks/node_modules/node-22/bin/node`,
  24: `${process.cwd()}/test/frameworks/node_modules/node-24/bin/node`,
  26: process.execPath,
};

type Ending = { preloads?: string[]; signal?: NodeJS.Signals; env?: Record<string, string> };

/** Requests the path, sends the signal, if there is one, and waits for the end of the process. */
async function end(node: string, path: string, { preloads = ['./telemetry.mjs'], signal, env: more }: Ending = {}) {
  const args = ['--env-file=otel.env', ...preloads.flatMap((preload) => ['--import', preload]), 'app.mjs'];
  await using shop = run(node, args, { ...env, ...more }, folder);
  const url = await urlOf('the app', shop);
  const traceId = hex(32);
  const body = await (await fetch(url + encodeURI(path), { headers: b3(traceId) })).text();
  if (signal) shop.signal(signal);
  const code = await unlessItHangs(shop.exit);
  const [span] = await viewer.trace(traceId);
  return { code, route: span?.tags?.['http.route'], body, ...shop.text };
}

describe('with telemetry.mjs, the process ends as it did before, and spans arrive:', { skip, concurrency: 2 }, () => {
  before(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(`${folder}/copy`, { recursive: true });
    cpSync('examples/otel.env', `${folder}/otel.env`);
    for (const copy of ['.', 'copy']) cpSync('examples/telemetry.mjs', `${folder}/${copy}/telemetry.mjs`);
    for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
  });

  for (const [version, node] of Object.entries(nodes)) {
    describe(`Node ${version}`, { concurrency: 1 }, () => {
      for (const [kind, [, printed]] of Object.entries(crashes)) {
        test(`a service that ${kind}: Node prints it, exit 1`, async () => {
          const { code, route, stderr } = await end(node, `/crash/${kind}`);
          assert.deepEqual([code, route], [1, '/crash/:kind']);
          assert.match(stderr, printed);
          assert.match(stderr, /\nNode\.js v/);
        });
      }

      test('an error that is thrown again ends the process with --unhandled-rejections=warn, too', async () => {
        const { code } = await end(node, '/crash/throws an error', {
          env: { NODE_OPTIONS: '--unhandled-rejections=warn' },
        });
        assert.equal(code, 1);
      });

      test('a worker that throws: its listener for `error` gets the error', async () => {
        const { code, route, body } = await end(node, '/worker', { signal: 'SIGTERM' });
        assert.deepEqual([code, route, body], [0, '/worker', 'the cause']);
      });

      for (const sentry of ['./sentry-10.mjs', './sentry-11.mjs'] as const) {
        for (const preloads of [
          [sentry, './telemetry.mjs'],
          ['./telemetry.mjs', sentry],
        ]) {
          test(`${preloads.join(' and ')}: an uncaught error is printed, exit 1; SIGTERM ends it`, async () => {
            const { code, route, stderr } = await end(node, '/crash/throws an error', { preloads });
            assert.deepEqual([code, route], [1, '/crash/:kind']);
            assert.match(stderr, /^Error: the cause\n\s+at /m);
            const stopped = await end(node, '/ok', { preloads, signal: 'SIGTERM' });
            assert.deepEqual([stopped.code, stopped.route], [0, '/ok']);
          });
        }
      }

      test('another SDK that was set up first: one line, and telemetry.mjs does nothing', async () => {
        const preloads = ['./first-sdk.mjs', './telemetry.mjs'];
        const { code, stderr } = await end(node, '/crash/throws an error', { preloads });
        assert.equal(code, 1);
        assert.match(stderr, /^telemetry\.mjs does nothing: another SDK came first \(@opentelemetry\/api 1\.9\.1\)$/m);
      });

      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
        for (const library of ['./signal-exit-3.mjs', './signal-exit-4.mjs']) {
          test(`${signal} with ${library}: it cleans up`, async () => {
            const { code, route, stdout } = await end(node, '/ok', { preloads: ['./telemetry.mjs', library], signal });
            assert.deepEqual([code, route], [0, '/ok']);
            assert.match(stdout, /cleaned up/);
          });
        }

        test(`${signal} with a lock of proper-lockfile: it is released`, async () => {
          const LOCK = `${version}-${signal}.lock`;
          const { code, route } = await end(node, '/ok', {
            preloads: ['./telemetry.mjs', './lock.mjs'],
            signal,
            env: { LOCK },
          });
          assert.deepEqual([code, route], [0, '/ok']);
          assert.ok(!existsSync(`${folder}/${LOCK}`));
        });
      }

      test('a second copy of the file, under another path: one line, and SIGTERM ends the process', async () => {
        const preloads = ['./telemetry.mjs', './copy/telemetry.mjs'];
        const { code, route, stderr } = await end(node, '/ok', { preloads, signal: 'SIGTERM' });
        assert.deepEqual([code, route], [0, '/ok']);
        assert.match(stderr, /^telemetry\.mjs: this copy does nothing, \S+ runs: \S+\/copy\/telemetry\.mjs\n$/);
      });
    });
  }
});
