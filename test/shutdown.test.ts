import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { startViewer, zipkinAt } from './support/backends.ts';
import { b3, get, hex } from './support/http.ts';
import { linesOf } from './support/log-lines.ts';
import { run } from './support/process.ts';
import { serve } from './support/servers.ts';
import { startService } from './support/services.ts';
import { unlessItHangs, until } from './support/wait.ts';

const refused = (url: string) =>
  fetch(`${url}/health`, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  );

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal} during a request: the response is complete, its spans arrive, a second signal changes nothing, exit 0`, async () => {
    await using viewer = await startViewer();
    const waiting: ServerResponse[] = [];
    let hold = true;
    await using downstream = await serve((_req, res) => void (hold ? waiting.push(res) : res.end()));
    await using service1 = await startService('service1', {
      ...viewer.env,
      SERVICE2_URL: downstream.url,
      SERVICE3_URL: downstream.url,
      OTEL_BSP_SCHEDULE_DELAY: '60000', // only a flush sends spans
    });
    const response = get(service1.url);
    await until('the request to be in flight', () => waiting.length === 1);
    service1.signal(signal);
    await until('the port to be closed', () => refused(service1.url));
    service1.signal(signal);
    hold = false;
    for (const response of waiting) response.end();

    const { status, body } = await response;
    assert.equal(status, 200);
    assert.equal(await unlessItHangs(service1.exit), 0);
    assert.equal((await viewer.trace(`${body.trace_id}`)).length, 5);
  });
}

/** Without a limit of ours, a flush would wait ten minutes for a backend that hangs. */
const patient = {
  OTEL_EXPORTER_ZIPKIN_TIMEOUT: '600000',
  OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
  OTEL_BSP_EXPORT_TIMEOUT: '610000',
};

for (const exporter of ['zipkin', 'otlp']) {
  test(`a backend that never responds does not delay the exit (${exporter})`, async () => {
    let posts = 0;
    await using hung = await serve(() => void posts++);
    await using service3 = await startService('service3', {
      ...zipkinAt(hung.url).env,
      ...patient,
      OTEL_TRACES_EXPORTER: exporter,
      OTEL_EXPORTER_OTLP_ENDPOINT: hung.url,
      SERVICE3_SLEEP_MS: '0',
    });
    await get(service3.url);
    await until('spans to be sent', () => posts > 0);
    await get(service3.url);
    service3.signal('SIGTERM');
    assert.equal(await unlessItHangs(service3.exit), 0);
  });
}

test('a request that does not end does not delay the exit', async () => {
  await using viewer = await startViewer();
  await using service3 = await startService('service3', { ...viewer.env, SERVICE3_SLEEP_MS: '600000' });
  const request = get(service3.url).catch(() => 'cut');
  // Requests are handled in the order in which their connections are accepted.
  await until('the request to be in flight', () => fetch(`${service3.url}/health`).then(({ ok }) => ok));
  service3.signal('SIGTERM');
  assert.equal(await unlessItHangs(service3.exit), 0);
  assert.equal(await request, 'cut');
});

/** Preloads this script into a service. */
const preload = (script: string) => ({ NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(script)}` });
/**
 * Part of a preloaded script: waits take a hundred times as long, because a busy machine may need more than a second
 * for a flush.
 */
const slowClock = `
    import { syncBuiltinESMExports } from 'node:module';
    import timers from 'node:timers/promises';
    const { setTimeout: sleep } = timers;
    timers.setTimeout = (ms, ...rest) => sleep(100 * ms, ...rest);
    syncBuiltinESMExports();`;

test('an uncaught exception, followed by another, and tasks that fail at the shutdown: one fatal log line, the spans arrive, exit 1', async () => {
  await using viewer = await startViewer();
  const script = `${slowClock}
    const { onShutdown } = await import('${new URL('../src/server/shutdown.ts', import.meta.url)}');
    onShutdown(() => { throw new Error('task') });
    onShutdown(() => Promise.reject(new Error('task')));
    process.on('SIGUSR2', () => { setTimeout(() => { throw new Error('second') }); throw new Error('lost') });`;
  await using service3 = await startService('service3', {
    ...viewer.env,
    ...preload(script),
    SERVICE3_SLEEP_MS: '0',
    OTEL_BSP_SCHEDULE_DELAY: '60000', // only a flush sends spans
  });
  const traceId = hex(32);
  await get(service3.url, b3(traceId));
  service3.signal('SIGUSR2');
  assert.equal(await unlessItHangs(service3.exit), 1);
  const fatal = linesOf(service3).filter(({ level }) => level === 'fatal');
  assert.deepEqual(
    fatal.map(({ msg }) => msg),
    ['uncaught: Error: lost'],
  );
  assert.match(JSON.stringify(fatal[0]?.err), /at process/, 'with the stack');
  assert.equal((await viewer.trace(traceId)).length, 2);
});

const invalidModule = 'node_modules/.cache/invalid.mjs';
mkdirSync(dirname(invalidModule), { recursive: true });
writeFileSync(invalidModule, '\nconst file +');

for (const [what, work, expected, stack] of [
  ['an exception', `throw new Error('lost')`, /^uncaught: Error: lost$/, /at Immediate/],
  ['a rejection', `Promise.reject(new Error('lost'))`, /^uncaught: Error: lost$/, /at Immediate/],
  [
    'a SyntaxError in an ES module',
    `import('${pathToFileURL(invalidModule)}')`,
    /^uncaught: SyntaxError: /,
    /invalid\.mjs:2\\nconst file \+/,
  ],
  ['a symbol', `throw Symbol('lost')`, /^uncaught: Symbol\(lost\)$/],
  [
    'an object without a prototype',
    `throw Object.assign(Object.create(null), { lost: 1 })`,
    /^uncaught: \[Object: null prototype\] { lost: 1 }$/,
  ],
  ['null', 'throw null', /^uncaught: null$/],
  [
    'an error whose message throws',
    `throw Object.defineProperty(new Error(), 'message', { get() { throw new Error('no') } })`,
    /^uncaught: .*Error/,
  ],
  [
    'an error whose name is a symbol',
    `throw Object.assign(new Error('lost'), { name: Symbol('name') })`,
    /^uncaught: .*Error/,
  ],
  [
    'an error with a property that throws',
    `throw Object.defineProperty(new Error('lost'), 'data', { enumerable: true, get() { throw 1 } })`,
    /^uncaught: Error: lost/,
  ],
] as const) {
  test(`what is not caught is ${what}: one fatal log line, exit 1`, async () => {
    const script = `
      import { log } from './src/log.ts';
      import { exitOnCrash } from './src/server/shutdown.ts';
      exitOnCrash(log);
      setImmediate(() => { ${work}; });`;
    await using program = run(process.execPath, ['--input-type=module', '-e', script], { SERVICE_NAME: 'service3' });
    assert.equal(await unlessItHangs(program.exit), 1);
    const [fatal, ...others] = linesOf(program).filter(({ level }) => level === 'fatal');
    assert.match(`${fatal?.msg}`, expected);
    if (stack) assert.match(JSON.stringify(fatal?.err), stack);
    assert.deepEqual(others, []);
  });
}

test('an uncaught exception while the backend hangs: exit 1', async () => {
  let posts = 0;
  await using hung = await serve(() => void posts++);
  await using service3 = await startService('service3', {
    ...preload(`process.on('SIGUSR2', () => { throw new Error('lost') });`),
    ...patient,
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: hung.url,
    SERVICE3_SLEEP_MS: '0',
  });
  await get(service3.url);
  await until('spans to be sent', () => posts > 0);
  service3.signal('SIGUSR2');
  assert.equal(await unlessItHangs(service3.exit), 1);
});

test('an exception before the service listens: one fatal log line, exit 1', async () => {
  const env = preload(`
    import { Server } from 'node:http';
    Server.prototype.listen = () => { throw new Error('early') };`);
  const args = ['--env-file=otel.env', '--import', './src/telemetry.ts', 'src/main.ts'];
  await using service = run(process.execPath, args, env);
  assert.equal(await unlessItHangs(service.exit), 1);
  assert.deepEqual(
    linesOf(service).map(({ level, msg }) => [level, msg]),
    [['fatal', 'uncaught: Error: early']],
  );
  assert.equal(service.text.stderr, '');
});

test('SIGTERM while the backend responds 503: one attempt for what is in the queue, then exit 0', async () => {
  let posts = 0;
  await using busy = await serve((_req, res) => {
    posts++;
    res.writeHead(503).end();
  });
  await using service3 = await startService('service3', {
    ...zipkinAt(busy.url).env,
    SERVICE3_SLEEP_MS: '0',
    OTEL_BSP_SCHEDULE_DELAY: '60000',
  });
  await get(service3.url);
  service3.signal('SIGTERM');
  assert.equal(await unlessItHangs(service3.exit), 0);
  assert.equal(posts, 1);
});

test('SIGTERM while a batch waits for its next attempt: it is sent', async () => {
  await using viewer = await startViewer();
  let posts = 0;
  await using busy = await serve(async (req, res) => {
    if (++posts === 1) return res.writeHead(503, { 'retry-after': '20' }).end();
    const body = await req.setEncoding('utf8').reduce((text, chunk) => text + chunk, '');
    const { status } = await fetch(`${viewer.url}/api/v2/spans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    res.writeHead(status).end();
  });
  await using service3 = await startService('service3', { ...zipkinAt(busy.url).env, SERVICE3_SLEEP_MS: '0' });
  const traceId = hex(32);
  await get(service3.url, b3(traceId));
  await until('the first attempt', () => posts === 1);
  service3.signal('SIGTERM');
  assert.equal(await unlessItHangs(service3.exit), 0);
  assert.equal((await viewer.trace(traceId)).length, 2);
});

for (const format of ['zipkin', 'otlp'] as const) {
  test(`SIGTERM while several batches wait, and one fails: the others arrive (${format})`, async () => {
    const first = Promise.withResolvers<void>();
    const bodies: string[] = [];
    let posts = 0;
    await using backend = await serve(async (req, res) => {
      const post = ++posts;
      const body = await req.setEncoding('utf8').reduce((text, chunk) => text + chunk, '');
      if (post === 1) await first.promise;
      if (post === 2) return res.writeHead(400).end();
      if (post > 1) await until('the failure', () => linesOf(service3).some(({ msg }) => msg.startsWith("can't send")));
      await new Promise((resolve) => setTimeout(resolve, 500)); // a service that doesn't wait for it exits before
      if (req.socket.destroyed) return;
      bodies.push(body);
      res.end('{}');
    });
    await using service3 = await startService('service3', {
      ...zipkinAt(backend.url).env,
      OTEL_TRACES_EXPORTER: format,
      OTEL_EXPORTER_OTLP_ENDPOINT: backend.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
      OTEL_BSP_SCHEDULE_DELAY: '60000', // only full batches leave
      SERVICE3_SLEEP_MS: '0',
    });
    for (let i = 0; i < 25; i++) await get(service3.url); // five batches
    await until('the first batch', () => posts === 1);
    service3.signal('SIGTERM');
    await until('the others', () => posts === 5);
    first.resolve();
    assert.equal(await unlessItHangs(service3.exit), 0);
    const arrived = bodies.join().match(/"sleep_service3"|"GET \/"/g);
    assert.equal(arrived?.length, 40);
  });
}

test('the last log line has the number of all spans that were lost, also of those in flight at the exit', async () => {
  let posts = 0;
  await using backend = await serve((_req, res) => void (++posts === 1 && res.writeHead(400).end())); // then it hangs
  await using service3 = await startService('service3', {
    ...zipkinAt(backend.url).env,
    ...patient,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
    OTEL_BSP_SCHEDULE_DELAY: '60000', // only full batches leave
    SERVICE3_SLEEP_MS: '0',
  });
  for (let i = 0; i < 25; i++) await get(service3.url);
  await until('the line about the first batch', () =>
    linesOf(service3).some(({ msg }) => msg.includes('(10 spans lost')),
  );
  await until('the second batch', () => posts === 2);
  service3.signal('SIGTERM');
  assert.equal(await unlessItHangs(service3.exit), 0);
  const lines = linesOf(service3).filter(({ msg }) => msg.includes('spans lost since the start'));
  assert.match(
    `${lines.at(-1)?.msg}`,
    /^can't send spans to .*: the process ended .*\(50 spans lost since the start\)/,
  );
});

test('a log that nobody reads any more ends the service, with its spans sent', async () => {
  await using viewer = await startViewer();
  await using service3 = await startService('service3', {
    ...viewer.env,
    SERVICE3_SLEEP_MS: '0',
    OTEL_BSP_SCHEDULE_DELAY: '60000',
  });
  service3.closeStdout();
  const traceId = 'abe'.padStart(32, '1');
  await get(service3.url, b3(traceId));
  assert.equal(await unlessItHangs(service3.exit), 0);
  assert.equal((await viewer.trace(traceId)).length, 2);
});

test('the watcher of the parent that `npm start` preloads keeps no process alive', async () => {
  const child = spawn(process.execPath, ['--import', './local/stop-with-parent.ts', '-e', '0'], { stdio: 'pipe' });
  const exit = once(child, 'exit');
  assert.deepEqual(await unlessItHangs(exit), [0, null]);
  child.kill('SIGKILL');
});
