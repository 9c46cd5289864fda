// The project's own compose file, run for real. It needs a Docker engine and the ports that the README names.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { get, hex, jaegerAt, openPorts, traceOf, unless, until, zipkinAt } from './support.ts';

const hasDocker = () => {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const taken = await openPorts([5001, 9411, 16686]);
const skip = unless(hasDocker(), 'no Docker engine') || unless(taken.length === 0, `ports in use: ${taken.join(', ')}`);

suite('docker compose', { skip }, () => {
  // a copy of the project, because a test edits otel.env
  const project = mkdtempSync(join(tmpdir(), 'tracing-demo-'));
  if (!skip) cpSync('.', project, { recursive: true, filter: (path) => !/^(node_modules|\.git)$/.test(path) });

  const docker = async (args: string[], env: Record<string, string> = {}) => {
    const { stdout } = await promisify(execFile)('docker', args, { cwd: project, env: { ...process.env, ...env } });
    return stdout;
  };
  const compose = (args: string, env?: Record<string, string>) =>
    docker(['compose', '-p', 'tracing-demo-test', ...args.split(' ')], env);
  const b3 = (traceId: string) => ({ 'X-B3-TraceId': traceId, 'X-B3-SpanId': hex(16), 'X-B3-Sampled': '1' });
  const service1 = 'http://localhost:5001';

  after(async () => {
    if (!skip) await compose('--profile * down -v --rmi local');
    rmSync(project, { recursive: true });
  });

  test('up --build --wait: a request with a fixed B3 trace id is read back from Zipkin', async () => {
    await compose('up --build --wait');
    const traceId = hex(32);
    const { status, body } = await get(service1, b3(traceId));
    assert.equal(status, 200);
    assert.equal(body.failure_chance_pct, 50);
    assert.equal(body.trace_url, `http://localhost:9411/zipkin/traces/${traceId}`);
    await traceOf(zipkinAt('http://localhost:9411'), traceId, body.response_codes.service2 === 200 ? 12 : 9);
  });

  test('the containers run without root, with a read-only file system, no capability and no dev dependency', async () => {
    const script = `
      const { readFileSync, writeFileSync, existsSync } = require('node:fs');
      const [, capabilities] = readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\s*(\\w+)/);
      let writable = true;
      try { writeFileSync('/app/x', '') } catch { writable = false }
      const present = ['typescript', 'playwright-core', 'node'].filter((name) => existsSync('/app/node_modules/' + name));
      console.log(JSON.stringify({ uid: process.getuid(), capabilities, writable, present, local: existsSync('/app/src/local') }))`;
    for (const name of ['service1', 'service2', 'service3']) {
      const { stdout } = await promisify(execFile)(
        'docker',
        ['compose', '-p', 'tracing-demo-test', 'exec', '-T', name, 'node', '-e', script],
        {
          cwd: project,
        },
      );
      assert.deepEqual(JSON.parse(stdout), {
        uid: 1000,
        capabilities: '0'.repeat(16),
        writable: false,
        present: [],
        local: false,
      });
    }
  });

  test('a container whose process is killed comes back (after `docker kill` it does not: Docker takes that as a stop)', async () => {
    const script = `
      const { readdirSync, readFileSync } = require('node:fs');
      const service = readdirSync('/proc').find((pid) => pid > 1 && /node.*main\\.ts/.test(readFileSync('/proc/' + pid + '/cmdline')));
      process.kill(service, 'SIGKILL');`;
    const before = await compose('ps -q service2');
    const exec = ['compose', '-p', 'tracing-demo-test', 'exec', '-T', 'service2', 'node', '-e', script];
    await docker(exec).catch(() => {}); // the exec may end with its container
    await until(
      'a restart',
      async () => (await docker(['inspect', '-f', '{{.RestartCount}}', before.trim()])).trim() === '1',
    );
    await until('a good answer', async () =>
      [200, 500].includes((await get(service1)).body.response_codes.service2 ?? 0),
    );
  });

  test('the image holds the packages, package.json and src/, and nothing else of the project', async () => {
    const files = await compose('exec -T service3 ls -A /app');
    assert.deepEqual(files.trim().split('\n'), ['node_modules', 'package.json', 'src']);
  });

  test('an edit of otel.env takes effect at the next up; a variable of the shell wins over it', async () => {
    const text = readFileSync(join(project, 'otel.env'), 'utf8');
    writeFileSync(join(project, 'otel.env'), text.replace(/^INTENTIONAL_FAILURE_PCT=.*/m, 'INTENTIONAL_FAILURE_PCT=7'));
    await compose('up --wait');
    assert.equal((await get(service1)).body.failure_chance_pct, 7);

    await compose('up --wait', {
      INTENTIONAL_FAILURE_PCT: '0',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    const { body } = await get(service1);
    assert.deepEqual(body, { failure_chance_pct: 0, response_codes: { service2: 200, service3: 200 } });
    writeFileSync(join(project, 'otel.env'), text);
  });

  test('BACKEND=jaeger: the same trace is in Jaeger, with no Zipkin running', async () => {
    await compose('down');
    await compose('up --build --wait', { BACKEND: 'jaeger', INTENTIONAL_FAILURE_PCT: '0' });
    const traceId = hex(32);
    const { body } = await get(service1, b3(traceId));
    assert.equal(body.trace_url, `http://localhost:16686/trace/${traceId}`);
    await traceOf(jaegerAt('http://localhost:16686', {}), traceId, 12);
    assert.deepEqual(await openPorts([9411]), []);
  });

  test('--scale service3=2 runs a second service3', async () => {
    await compose('up --wait --scale service3=2', { BACKEND: 'jaeger' });
    const running = (await compose('ps --services --status running', { BACKEND: 'jaeger' })).trim().split('\n').sort();
    assert.deepEqual(running, ['jaeger', 'service1', 'service2', 'service3']);
    assert.equal((await compose('ps -q service3', { BACKEND: 'jaeger' })).trim().split('\n').length, 2);
    assert.equal((await get(service1)).status, 200);
  });

  test('a BACKEND that does not exist is an error that names the missing file', async () => {
    await assert.rejects(compose('config -q', { BACKEND: 'zipkn' }), /docker\/zipkn\.env/);
  });

  test('down leaves nothing, whichever backend ran', async () => {
    await compose('--profile * down -v');
    const label = 'label=com.docker.compose.project=tracing-demo-test';
    for (const kind of [
      ['ps', '-aq'],
      ['volume', 'ls', '-q'],
      ['network', 'ls', '-q'],
    ]) {
      assert.equal(await docker([...kind, '--filter', label]), '');
    }
  });
});
