import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { get, hex } from './support/http.ts';
import { linesOf } from './support/log-lines.ts';
import { run } from './support/process.ts';
import { closedUrl, freeUrl, serveTcp } from './support/servers.ts';
import { startService } from './support/services.ts';
import { until } from './support/wait.ts';

const viewer = disposeAfterTests(await startViewer());
const service3 = disposeAfterTests(await startService('service3', { ...viewer.env, LOG_LEVEL: 'trace' }));

test('/health has no line', async () => {
  const before = linesOf(service3).length;
  await get(`${service3.url}/health`);
  await get(`${service3.url}/after-health`);
  const lines = await until('a line', () => {
    const more = linesOf(service3).slice(before);
    return more.length > 0 && more;
  });
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['GET /after-health 404'],
  );
});

test('a caller’s words add no line to the log', async () => {
  const before = linesOf(service3).length;
  const headers = { 'x-b3-traceid': hex(32) };
  await fetch(`${service3.url}/%0a%7B"level":"error"%7D?x=%0d%0a`, { headers });
  await until('one more line', () => linesOf(service3).length === before + 1);
  assert.equal(linesOf(service3).at(-1)?.status, 404);
});

test('on every address, as in Docker, the last line of service1 at startup is the URL to open', async () => {
  const HOST = '0.0.0.0';
  await using service2 = await startService('service2', { HOST });
  await using service1 = await startService('service1', { HOST });
  for (const service of [service1, service2]) {
    service.signal('SIGTERM');
    assert.equal(await service.exit, 0);
  }
  const localUrl = service1.url.replace(HOST, 'localhost');
  assert.deepEqual(messagesOf(service1), [`listens on ${service1.url}`, `open ${localUrl}`]);
  assert.deepEqual(messagesOf(service2), [`listens on ${service2.url}`]);
});

test('LOG_LEVEL=warn leaves out the lines of good requests', async () => {
  const url = await freeUrl();
  const env = {
    SERVICE_NAME: 'service3',
    PORT: new URL(url).port,
    LOG_LEVEL: 'warn',
    OTEL_TRACES_EXPORTER: 'zipkin',
    SERVICE3_SLEEP_MS: '0',
  };
  await using backend = await startViewer();
  await using service3 = run('npm', ['run', '--silent', 'service'], { HOME: process.env.HOME, ...backend.env, ...env });
  await until('service3 to respond', () =>
    fetch(url).then(
      (response) => response.ok,
      () => false,
    ),
  );
  assert.equal(service3.text.stdout, '');
  service3.signalGroup('SIGTERM');
});

for (const exporter of ['zipkin', 'otlp']) {
  const settings = {
    OTEL_TRACES_EXPORTER: exporter,
    OTEL_EXPORTER_ZIPKIN_TIMEOUT: '300',
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    SERVICE3_SLEEP_MS: '0',
  };
  const endpoints = (url: string) => ({
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/spans`,
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
  });
  const sdkLines = (service: Parameters<typeof linesOf>[0]) =>
    linesOf(service).filter(({ logger }) => logger === 'opentelemetry');

  test(`an outage of the backend (${exporter}): one line has the reason, the backend's address, and that requests are not affected`, async () => {
    const url = closedUrl();
    await using service3 = await startService('service3', { ...settings, ...endpoints(url) });
    await until('the line about the outage', async () => {
      assert.equal((await get(service3.url)).status, 200);
      return sdkLines(service3).length > 0;
    });
    // Many more batches fail, without another line. At the exit, Zipkin's exporter has counted them.
    for (let i = 0; i < 20; i++) await get(service3.url);
    assert.equal(sdkLines(service3).length, 1);
    service3.signal('SIGTERM');
    assert.equal(await service3.exit, 0);
    const lines = sdkLines(service3);
    assert.equal(lines.length, exporter === 'zipkin' ? 2 : 1, JSON.stringify(lines));
    for (const { level, msg, trace_id } of lines) {
      assert.deepEqual([level, trace_id], ['error', undefined]);
      assert.match(msg, RegExp(`^can't send spans to ${url}\\S*: .+\\. Requests are not affected`));
    }
    assert.equal(service3.text.stderr, '');
  });

  test(`whatever the backend does wrong, the line has the reason (${exporter})`, async () => {
    let respond: (socket: Socket) => void = () => {};
    await using backend = await serveTcp((socket) => socket.once('data', () => respond(socket)));
    const minutesPassAtOnce = `const { setTimeout } = globalThis;
      globalThis.setTimeout = (callback, ms, ...args) => setTimeout(callback, ms === 60_000 ? 0 : ms, ...args);`;
    await using service3 = await startService('service3', {
      ...settings,
      ...endpoints(backend.url),
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(minutesPassAtOnce)}`,
    });
    const status = Buffer.from('HTTP/1.1 500 \x1b]0;a\x07\x9b31m\r\ncontent-length: 0\r\n\r\n', 'latin1');
    for (const [next, zipkin, otlp] of [
      [(socket: Socket) => socket.end(status), 'unexpected status 500', '\\x1b]0;a\\x07\\x9b31m'], // escaped
      [(socket: Socket) => socket.destroy(), 'socket hang up', 'socket hang up'],
      [() => {}, 'no response within 300 ms', 'Request timed out'],
    ] as const) {
      respond = next;
      const reason = exporter === 'zipkin' ? `/spans: ${zipkin}` : `/: ${otlp}`;
      await until(`a line with ${reason}`, async () => {
        assert.equal((await get(service3.url)).status, 200);
        return sdkLines(service3).some(({ msg }) => msg.startsWith(`can't send spans to ${backend.url}${reason}`));
      });
    }
    service3.signal('SIGTERM');
    assert.equal(await service3.exit, 0);
    assert.equal(service3.text.stderr, '');
  });
}

test('a line that an exit handler logs is written, also while another is in flight', async () => {
  const log = new URL('../src/log.ts', import.meta.url);
  const script = `
    import { log } from '${log}';
    process.on('exit', () => log.info('last'));
    log.info('in flight');
    process.exit();`;
  await using program = run(process.execPath, ['--input-type=module', '-e', script], { SERVICE_NAME: 'service3' });
  assert.equal(await program.exit, 0, program.text.stderr);
  assert.deepEqual(messagesOf(program).sort(), ['in flight', 'last']);
});

test('at every log level of the SDK, a slow reader of the log gets whole lines of JSON', async () => {
  await using backend = await startViewer();
  await using service3 = await startService('service3', {
    ...backend.env,
    OTEL_LOG_LEVEL: 'all',
    LOG_LEVEL: 'trace',
    SERVICE3_SLEEP_MS: '0',
  });
  for (let i = 0; i < 20; i++) {
    service3.pauseStdout();
    await Promise.all(Array.from({ length: 20 }, () => get(service3.url)));
    service3.resumeStdout();
  }
  service3.signal('SIGTERM');
  await service3.exit;
  const lines = service3.text.stdout.trim().split('\n');
  assert.ok(lines.length > 400, `${lines.length}`);
  for (const line of lines) assert.ok(JSON.parse(line).level, line);
  assert.equal(service3.text.stderr, '');
});

const messagesOf = (service: Parameters<typeof linesOf>[0]) => linesOf(service).map(({ msg }) => msg);
