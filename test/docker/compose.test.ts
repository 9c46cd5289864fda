import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { zipkinAt } from '../support/backends.ts';
import { composeProject, noDocker } from '../support/docker.ts';
import { forZipkin, startExample } from '../support/example.ts';
import { b3, get, hex } from '../support/http.ts';
import { jaegerAt } from '../support/jaeger.ts';
import { draw, failedSpans, failedTrace, goodSpans, traceOf } from '../support/trace.ts';
import { until } from '../support/wait.ts';

suite('docker compose', { skip: await noDocker() }, () => {
  let demo: ReturnType<typeof composeProject>;
  const compose: typeof demo.compose = (...args) => demo.compose(...args);
  const service1 = 'http://localhost:5001';

  /** Every container, those that have exited too, has the limits of compose.yaml. */
  const assertHardened = async (names: string[]) => {
    const containers = (await compose('ps -a -q', { BACKEND: 'collector' })).split('\n');
    const seen: string[] = [];
    for (const { Config, HostConfig } of JSON.parse(await demo.docker(['inspect', ...containers]))) {
      const name = Config.Labels['com.docker.compose.service'];
      seen.push(name);
      assert.deepEqual(
        {
          readOnly: HostConfig.ReadonlyRootfs,
          dropped: HostConfig.CapDrop,
          added: HostConfig.CapAdd ?? [],
          privileges: HostConfig.SecurityOpt,
          hasPidsLimit: HostConfig.PidsLimit > 0,
          hasMemoryLimit: HostConfig.Memory > 0,
        },
        {
          readOnly: true,
          dropped: ['ALL'],
          added: name === 'collector-queue-owner' ? ['CAP_CHOWN'] : [],
          privileges: ['no-new-privileges:true'],
          hasPidsLimit: true,
          hasMemoryLimit: true,
        },
        name,
      );
    }
    assert.deepEqual(seen.sort(), names.sort());
  };

  before(() => {
    demo = composeProject();
  });
  after(() => demo.remove());

  test('up --build --wait: Zipkin has the trace of a request, under the B3 trace id of the caller', async () => {
    await compose('up --build --wait');
    const traceId = hex(32);
    const { status, body } = await get(service1, b3(traceId));
    assert.equal(status, 200);
    assert.equal(body.failure_chance_pct, 50);
    assert.equal(body.trace_url, `http://localhost:9411/zipkin/traces/${traceId}`);
    await traceOf(
      zipkinAt('http://localhost:9411'),
      traceId,
      body.response_codes.service2 === 200 ? goodSpans : failedSpans,
    );
  });

  test('Zipkin lets no page of another origin read its traces', async () => {
    const headersFor = async (origin: string) =>
      (await fetch('http://localhost:9411/api/v2/services', { headers: { origin } })).headers;
    assert.equal((await headersFor('http://elsewhere.test')).get('access-control-allow-origin'), null);
    assert.equal(
      (await headersFor('http://localhost:9411')).get('access-control-allow-origin'),
      'http://localhost:9411',
    );
  });

  test('service1 says if COMPOSE_PROFILES starts no backend', async () => {
    assert.doesNotMatch(await compose('logs service1'), /Compose|COMPOSE/);
    await compose('up --wait service1', { COMPOSE_PROFILES: 'dev' });
    assert.match(
      await compose('logs service1'),
      /COMPOSE_PROFILES=\\"dev\\" starts no trace backend: it must include zipkin/,
    );
    await compose('up --wait');
  });

  test('the containers have no root user, no capabilities, no dev dependencies and a read-only file system', async () => {
    const script = `
      const { readFileSync, writeFileSync, existsSync } = require('node:fs');
      const [, capabilities] = readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\s*(\\w+)/);
      let writable = true;
      try { writeFileSync('/app/x', '') } catch { writable = false }
      const present = ['typescript', 'playwright-core', 'node'].filter((name) => existsSync('/app/node_modules/' + name));
      console.log(JSON.stringify({ uid: process.getuid(), capabilities, writable, present, local: existsSync('/app/local') }))`;
    for (const name of ['service1', 'service2', 'service3']) {
      assert.deepEqual(JSON.parse(await demo.exec(name, script)), {
        uid: 1000,
        capabilities: '0'.repeat(16),
        writable: false,
        present: [],
        local: false,
      });
    }
  });

  test('BACKEND=zipkin: every container is read-only, without capabilities, limited in memory and processes', () =>
    assertHardened(['service1', 'service2', 'service3', 'zipkin']));

  test('a container restarts when its process is killed (but not after `docker kill`, which Docker treats as a stop)', async () => {
    const script = `
      const { readdirSync, readFileSync } = require('node:fs');
      const service = readdirSync('/proc').find((pid) => pid > 1 && /node.*main\\.ts/.test(readFileSync('/proc/' + pid + '/cmdline')));
      process.kill(service, 'SIGKILL');`;
    const [container = ''] = await demo.containers('service2');
    await demo.exec('service2', script).catch(() => {}); // the exec may end with its container
    await until(
      'a restart',
      async () => (await demo.docker(['inspect', '-f', '{{.RestartCount}}', container])) === '1',
    );
    await until('a response of service2', async () =>
      [200, 500].includes((await get(service1)).body.response_codes.service2 ?? 0),
    );
  });

  test('the image contains the packages, package.json and src/, and nothing else of the project', async () => {
    const files = await compose('exec -T service3 ls -A /app');
    assert.deepEqual(files.split('\n'), ['node_modules', 'package.json', 'src']);
  });

  test('an edit of otel.env takes effect at the next up; a shell variable takes precedence', async () => {
    const text = readFileSync(join(demo.folder, 'otel.env'), 'utf8');
    writeFileSync(
      join(demo.folder, 'otel.env'),
      text.replace(/^INTENTIONAL_FAILURE_PCT=.*/m, 'INTENTIONAL_FAILURE_PCT=7'),
    );
    await compose('up --wait');
    assert.equal((await get(service1)).body.failure_chance_pct, 7);

    await compose('up --wait', {
      INTENTIONAL_FAILURE_PCT: '0',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    const { body } = await get(service1);
    assert.deepEqual(body, { failure_chance_pct: 0, response_codes: { service2: 200, service3: 200 } });
    writeFileSync(join(demo.folder, 'otel.env'), text);
  });

  test('BACKEND=jaeger: the trace is in Jaeger', async () => {
    await compose('down');
    await compose('up --build --wait', { BACKEND: 'jaeger', INTENTIONAL_FAILURE_PCT: '0' });
    const traceId = hex(32);
    const { body } = await get(service1, b3(traceId));
    assert.equal(body.trace_url, `http://localhost:16686/trace/${traceId}`);
    await traceOf(jaegerAt('http://localhost:16686', {}), traceId, goodSpans);
  });

  /**
   * Sends a request through an example that runs outside Docker and calls service1; gives the trace's id once its spans
   * are sent.
   */
  async function requestThroughExample(env: Record<string, string | undefined>, downstream = service1) {
    await using shop = await startExample({ ...env, DOWNSTREAM_URL: downstream });
    const traceId = hex(32);
    await get(shop.url, b3(traceId));
    shop.signal('SIGTERM');
    assert.equal(await shop.exit, 0, shop.text.stderr);
    return traceId;
  }

  for (const [protocol, env] of Object.entries({ OTLP: {}, "Zipkin's format": forZipkin() })) {
    test(`BACKEND=jaeger: a service outside Docker sends ${protocol} to Jaeger, and is in one trace with the demo`, async () => {
      await traceOf(jaegerAt('http://localhost:16686', {}), await requestThroughExample(env), 14);
    });
  }

  test('--scale service3=2 runs a second service3', async () => {
    await compose('up --wait --scale service3=2', { BACKEND: 'jaeger' });
    const running = (await compose('ps --services --status running', { BACKEND: 'jaeger' })).split('\n').sort();
    assert.deepEqual(running, ['jaeger', 'service1', 'service2', 'service3']);
    assert.equal((await compose('ps -q service3', { BACKEND: 'jaeger' })).split('\n').length, 2);
    assert.equal((await get(service1)).status, 200);
  });

  test('BACKEND=jaeger: every container is read-only, without capabilities, limited in memory and processes', () =>
    assertHardened(['service1', 'service2', 'service3', 'service3', 'jaeger']));

  test('BACKEND=collector: the same, and a failed trace arrives in Zipkin and in Jaeger', async () => {
    await compose('--profile * down -v');
    await compose('up --wait', { BACKEND: 'collector' });
    const traceId = hex(32);
    await get(`${service1}/?failure_pct=100`, b3(traceId));
    for (const backend of [zipkinAt('http://localhost:9411'), jaegerAt('http://localhost:16686', {})]) {
      // A connection that was kept alive ended with its container: that request fails, the next one doesn't.
      await traceOf({ ...backend, trace: (id) => backend.trace(id).catch(() => []) }, traceId, failedSpans);
    }
    const backends = ['zipkin', 'collector-jaeger', 'collector', 'collector-queue-owner'];
    await assertHardened(['service1', 'service2', 'service3', ...backends]);
  });

  test('BACKEND=collector: the failed trace is whole and red in Zipkin and in Jaeger, with its reasons', async () => {
    const { trace_id } = (await get(`${service1}/?failure_pct=100`)).body;
    const inZipkin = await traceOf(zipkinAt('http://localhost:9411'), `${trace_id}`, failedSpans);
    // The Collector's exporter writes `error: true`, and the reason in a tag of its own.
    const withReasons = inZipkin.map((span) => {
      const { error, 'otel.status_description': reason } = span.tags ?? {};
      return error === 'true' ? { ...span, tags: { ...span.tags, error: `${reason}` } } : span;
    });
    assert.equal(draw(withReasons), failedTrace);
    const inJaeger = await traceOf(jaegerAt('http://localhost:16686', {}), `${trace_id}`, failedSpans);
    assert.equal(draw(inJaeger), failedTrace);
  });

  test('BACKEND=collector: a service outside Docker sends OTLP to the Collector', async () => {
    const traceId = await requestThroughExample({}, `${service1}/?failure_pct=100`);
    await traceOf(zipkinAt('http://localhost:9411'), traceId, 11);
    await traceOf(jaegerAt('http://localhost:16686', {}), traceId, 11);
  });

  test('an unknown BACKEND is an error that names the missing file', async () => {
    await assert.rejects(compose('config -q', { BACKEND: 'zipkn' }), /docker\/zipkn\.env/);
  });

  test('down removes everything, whichever backend ran', async () => {
    await compose('--profile * down -v');
    for (const kind of [
      ['ps', '-a'],
      ['volume', 'ls'],
      ['network', 'ls'],
    ]) {
      assert.equal(await demo.left(...kind), '');
    }
  });
});
