// `npm start` has the ports that the README names, so these tests need them free.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { createFormatter } from '../local/format-log.ts';
import { zipkinAt } from './support/backends.ts';
import { get } from './support/http.ts';
import { notes, npmStart, open, portsInUse, preload, ready, type Started, start, stop } from './support/launcher.ts';
import { openPorts } from './support/ports.ts';
import { run } from './support/process.ts';
import { startRecorder } from './support/recorder.ts';
import { serve } from './support/servers.ts';
import { draw, failedSpans, failedTrace, goodSpans, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

suite('npm start', { skip: await portsInUse() }, () => {
  test('starts three services and the viewer, says what to do, and shows a trace', async () => {
    await using started = npmStart({ INTENTIONAL_FAILURE_PCT: '100' });
    await ready(started);
    assert.match(started.text.stdout, /curl localhost:5001/);
    assert.match(started.text.stdout, /see the traces: +http:\/\/localhost:9411\/zipkin\/$/m);
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:9411/zipkin/traces/${body.trace_id}`);
    const trace = await traceOf(zipkinAt('http://localhost:9411'), `${body.trace_id}`, failedSpans);
    assert.equal(draw(trace), failedTrace);
    const lines = started.text.stdout.split('\n').filter((line) => line && !line.startsWith('>'));
    assert.deepEqual(
      lines.filter((line) => !/^(start|service[123]) +\| /.test(line)),
      [],
    );
    const linked = lines.filter((line) => line.endsWith(`  ${body.trace_url}`));
    assert.deepEqual([...new Set(linked.map((line) => line.slice(0, 8)))].sort(), ['service1', 'service2', 'service3']);

    await stop(started);
    assert.deepEqual(await open(), []);
  });

  const ways: Record<string, (started: Started) => Promise<void>> = {
    'Ctrl-C twice': async ({ signalGroup }) => {
      signalGroup('SIGINT');
      await until('service1 to close its port', async () => !(await openPorts([5001])).includes(5001));
      signalGroup('SIGINT');
    },
    'SIGTERM to npm': async ({ signal }) => void signal('SIGTERM'),
  };
  for (const [what, end] of Object.entries(ways)) {
    test(`${what} during a request: the request ends, its spans are flushed, nothing is left running`, async () => {
      await using zipkin = await startRecorder(9411);
      await using started = npmStart({ INTENTIONAL_FAILURE_PCT: '0', SERVICE3_SLEEP_MS: '1500' });
      await ready(started);
      const response = get('http://127.0.0.1:5001');
      // The spans of the call to service2 are sent after 500 ms, while service3 still sleeps for the second call.
      await until('the request to be half done', () => zipkin.spans.length > 0);
      await end(started);
      const { status, body } = await response;
      assert.equal(status, 200);
      assert.deepEqual(body.response_codes, { service2: 200, service3: 200 });
      assert.ok([0, 130].includes((await started.exit) as number));
      assert.equal(zipkin.spans.filter(({ traceId }) => traceId === body.trace_id).length, goodSpans);
      assert.deepEqual(await open(), [9411]);
    });
  }

  test('Ctrl-C while it starts leaves nothing running', async () => {
    await using started = npmStart();
    await until('the first service', () => started.text.stdout.includes('listens on'));
    await stop(started);
    assert.deepEqual(await open(), []);
  });

  test('a launcher that is killed takes its services with it', async () => {
    await using started = npmStart();
    await ready(started);
    started.signalGroup('SIGKILL');
    await until('all ports to be free', async () => (await open()).length === 0);
  });

  test('a Zipkin that already runs on port 9411 is used, and the log says so', async () => {
    await using zipkin = await startRecorder(9411);
    await using started = start();
    await ready(started);
    assert.match(started.text.stdout, /a Zipkin responds at http:\/\/localhost:9411\/api\/v2\/spans: it is used/);
    const { body } = await get('http://localhost:5001');
    await until('its spans to reach that Zipkin', () => zipkin.spans.some(({ traceId }) => traceId === body.trace_id));
    started.signalGroup('SIGTERM');
    assert.equal(await started.exit, 0);
  });

  test('ports 5002, 5003 and 9411 taken: the next free ones are used, and everything follows', async () => {
    await using _5002 = await serve((_req, res) => res.end('hello'), 5002);
    await using _5003 = await serve((_req, res) => res.end('hello'), 5003);
    await using _9411 = await serve((_req, res) => res.end('hello'), 9411);
    await using started = start({ INTENTIONAL_FAILURE_PCT: '100' });
    await ready(started);
    assert.deepEqual(notes(started).slice(0, 3), [
      'port 5002 is not available: service2 listens on 5004',
      'port 5003 is not available: service3 listens on 5005',
      'port 9411 is not available: the trace viewer listens on 9412',
    ]);
    for (const [name, port] of Object.entries({ service2: 5004, service3: 5005 })) {
      assert.match(started.text.stdout, new RegExp(`^${name} \\| .*listens on http://127.0.0.1:${port}$`, 'm'));
    }
    assert.ok(notes(started).includes('see the traces:  http://localhost:9412/zipkin/'));
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:9412/zipkin/traces/${body.trace_id}`);
    assert.equal(draw(await traceOf(zipkinAt('http://localhost:9412'), `${body.trace_id}`, failedSpans)), failedTrace);
    assert.ok(started.text.stdout.includes(`  ${body.trace_url}\n`));
    await stop(started);
  });

  test('port 5001 taken: one line names it and the way out, and the exit code is not 0', async () => {
    await using _other = await serve((_req, res) => res.end('hello'), 5001);
    await using started = start();
    assert.equal(await started.exit, 1);
    assert.match(started.text.stderr, /^port 5001 is taken: .*: PORT=5011 npm start\n$/);
    assert.deepEqual(notes(started), []);
  });

  test('PORT=65535 is taken: the port in the message is a valid one', async () => {
    await using _other = await serve((_req, res) => res.end('hello'), 65_535);
    await using started = start({ PORT: '65535' });
    assert.equal(await started.exit, 1);
    const [, other] = started.text.stderr.match(/^port 65535 is taken: .*: PORT=(\d+) npm start\n$/) ?? [];
    assert.ok(Number(other) < 65_535, started.text.stderr);
  });

  const failing = { INTENTIONAL_FAILURE_PCT: '100' };

  test('PORT=5011 npm start runs beside another one, started at the same moment', async () => {
    await using first = start(failing);
    await using second = start({ PORT: '5011', ...failing });
    for (const started of [first, second]) await ready(started);
    for (const port of [5001, 5011]) {
      const { body } = await get(`http://localhost:${port}`);
      const { origin } = new URL(`${body.trace_url}`);
      assert.equal(draw(await traceOf(zipkinAt(origin), `${body.trace_id}`, failedSpans)), failedTrace);
    }
    for (const started of [first, second]) await stop(started);
    assert.deepEqual(await open(), []);
  });

  test('two at the same moment, on one port: one runs, the other says that the port is taken', async () => {
    await using one = start(failing);
    await using two = start(failing);
    const loser = await Promise.race([one, two].map((started) => started.exit.then(() => started)));
    const winner = loser === one ? two : one;
    assert.equal(await loser.exit, 1);
    assert.match(loser.text.stderr, /^port 5001 is taken: .*\n$/);
    assert.deepEqual(notes(loser), []);
    await ready(winner);
    const { body } = await get('http://localhost:5001');
    assert.equal(draw(await traceOf(zipkinAt('http://localhost:9411'), `${body.trace_id}`, failedSpans)), failedTrace);
    await stop(winner);
    assert.deepEqual(await open(), []);
  });

  test('a port that another start has chosen, but does not listen on yet, is not used', async () => {
    await using claim = createSocket('udp4').bind(9411, '127.0.0.1');
    await once(claim, 'listening');
    await using started = start();
    await ready(started);
    assert.equal(notes(started)[0], 'port 9411 is not available: the trace viewer listens on 9412');
    await stop(started);
  });

  test('another program takes the port of the viewer at the last moment: one line says so', async () => {
    const thief = preload(`
      import { createServer, Server } from 'node:net';
      const { listen } = Server.prototype;
      let isChosen = false;
      Server.prototype.listen = function (port, host) {
        if (port === 9411 && isChosen) listen.call(createServer(), port, host);
        isChosen ||= port === 9411;
        return listen.call(this, port, host);
      };`);
    await using started = start(thief);
    assert.equal(await started.exit, 1);
    assert.match(started.text.stderr, /^the trace viewer can't start: .*EADDRINUSE.*\n$/);
    await until('all ports to be free', async () => (await open()).length === 0);
  });

  test('OTEL_TRACES_EXPORTER=otlp without a backend: spans go to the viewer by OTLP, and the link leads to the trace', async () => {
    await using started = start({ OTEL_TRACES_EXPORTER: 'otlp', ...failing });
    await ready(started);
    assert.match(`${notes(started)[0]}`, /^OTEL_TRACES_EXPORTER=otlp, .*spans go to the trace viewer, as http\/json$/);
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:9411/zipkin/traces/${body.trace_id}`);
    const trace = await traceOf(zipkinAt('http://localhost:9411'), `${body.trace_id}`, failedSpans);
    assert.equal(draw(trace), failedTrace);
    assert.ok(trace.every(({ tags }) => tags?.['otel.scope.name'])); // which Zipkin's exporter omits
    await stop(started);
  });

  test('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL decides, and is the one that the line names', async () => {
    await using started = start({
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc',
    });
    assert.equal(await started.exit, 1);
    assert.match(started.text.stderr, /^OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc is not valid /);
  });

  for (const protocol of ['http/protobuf', 'grpc']) {
    test(`OTEL_EXPORTER_OTLP_PROTOCOL=${protocol} without a backend: one line says that the viewer takes JSON`, async () => {
      await using started = start({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
      assert.equal(await started.exit, 1);
      assert.match(
        started.text.stderr,
        RegExp(`^OTEL_EXPORTER_OTLP_PROTOCOL=${protocol} is not valid .*http/json.*\n$`),
      );
    });
  }

  for (const [env, note, traceUi] of [
    [
      { OTEL_TRACES_EXPORTER: 'otlp' },
      /^OTEL_TRACES_EXPORTER=otlp: spans go to http:\/\/localhost:4318\/, trace links to Jaeger; .*viewer is not started$/,
      'http://localhost:16686/trace/',
    ],
    [
      { OTEL_EXPORTER_ZIPKIN_ENDPOINT: 'http://127.0.0.1:9999/api/v2/spans' },
      /^OTEL_EXPORTER_ZIPKIN_ENDPOINT is set: spans go to http:\/\/127\.0\.0\.1:9999\/api\/v2\/spans; .*viewer is not started$/,
      'http://127.0.0.1:9999/zipkin/traces/',
    ],
    [
      { OTEL_TRACES_EXPORTER: 'none' },
      /^OTEL_TRACES_EXPORTER=none: no spans are sent; .*viewer is not started$/,
      undefined,
    ],
    [{ OTEL_SDK_DISABLED: 'true' }, /^OTEL_SDK_DISABLED=true: there are no spans; .*viewer is not started$/, undefined],
  ] as const) {
    test(`${Object.entries(env).join().replace(',', '=')}: says where spans go; the links follow`, async () => {
      await using _jaeger = await serve(() => {}, 4318);
      await using started = start({ OTEL_BSP_SCHEDULE_DELAY: '60000', ...env });
      await ready(started);
      assert.match(`${notes(started)[0]}`, note);
      assert.deepEqual(await open(), [5001, 5002, 5003]);
      const { body } = await get('http://localhost:5001');
      assert.equal(body.trace_url, traceUi && `${traceUi}${body.trace_id}`);
      if (traceUi) assert.ok(notes(started).includes(`see the traces:  ${traceUi.replace(/traces?\/$/, '')}`));
      else assert.doesNotMatch(started.text.stdout, /see the traces/);
      started.signalGroup('SIGKILL');
      await until('all ports to be free', async () => (await open()).length === 0);
    });
  }

  test('OTEL_SERVICE_NAME: says that all three services have that name', async () => {
    await using started = start({ OTEL_SERVICE_NAME: 'shop' });
    await ready(started);
    assert.match(`${notes(started)[0]}`, /^OTEL_SERVICE_NAME .*all three have that name in the traces$/);
    await stop(started);
  });

  test('SERVICE2_URL: that service is called, and none is started for it', async () => {
    await using other = await serve((_req, res) => res.end('hello'));
    await using started = start({ SERVICE2_URL: other.url });
    await ready(started);
    assert.equal(notes(started)[0], `SERVICE2_URL is set: ${other.url} is called, and no service is started for it`);
    assert.deepEqual(await open(), [5001, 5003, 9411]);
    assert.deepEqual((await get('http://localhost:5001')).body.response_codes, { service2: 200, service3: 200 });
    await stop(started);
  });

  for (const [env, proxied] of [
    [{ NO_PROXY: 'localhost' }, ['shop.test']],
    [{ no_proxy: 'shop.test', HOST: '127.0.0.2' }, []],
    [{ NO_PROXY: '*' }, []],
  ] as const) {
    test(`behind a proxy, with ${JSON.stringify(env)}: this machine is called directly, others as the variables say`, async () => {
      const hosts: unknown[] = [];
      await using proxy = await serve(({ headers }, res) => {
        hosts.push(headers.host);
        res.writeHead(502).end();
      });
      const proxySettings = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url };
      await using started = start({ ...proxySettings, SERVICE2_URL: 'http://shop.test', ...env });
      await ready(started);
      const host = 'HOST' in env ? env.HOST : 'localhost';
      const { body } = await get(`http://${host}:5001`);
      assert.equal(body.response_codes.service3, 200);
      await traceOf(zipkinAt(`http://${host}:9411`), `${body.trace_id}`, 7);
      assert.deepEqual(hosts, proxied);
      await stop(started);
    });
  }

  test('TRACE_UI_URL: trace_url, log and banner lead there', async () => {
    await using started = start({ TRACE_UI_URL: 'http://localhost:16686/trace/{traceId}' });
    await ready(started);
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:16686/trace/${body.trace_id}`);
    await until('the log line', () => started.text.stdout.includes(`  ${body.trace_url}\n`));
    assert.ok(notes(started).includes('see the traces:  http://localhost:16686/'));
    await stop(started);
  });

  test('HOST: everything listens there', async () => {
    await using started = start({ HOST: '127.0.0.2', ...failing });
    await ready(started);
    assert.deepEqual(await open(), []); // on 127.0.0.1
    const { body } = await get('http://127.0.0.2:5001');
    assert.equal(body.trace_url, `http://127.0.0.2:9411/zipkin/traces/${body.trace_id}`);
    await traceOf(zipkinAt('http://127.0.0.2:9411'), `${body.trace_id}`, failedSpans);
    await stop(started);
  });

  test('HOST=::ffff:127.0.0.1: services, viewer and links have that address', async () => {
    await using started = start({ HOST: '::ffff:127.0.0.1', ...failing });
    await ready(started);
    const { body } = await get('http://[::ffff:127.0.0.1]:5001');
    assert.equal(body.trace_url, `http://[::ffff:127.0.0.1]:9411/zipkin/traces/${body.trace_id}`);
    await traceOf(zipkinAt('http://[::ffff:127.0.0.1]:9411'), `${body.trace_id}`, failedSpans);
    await stop(started);
  });

  test('a request that is not sampled has no link in the log', async () => {
    await using started = start({ OTEL_TRACES_SAMPLER: 'always_off' });
    await ready(started);
    await get('http://localhost:5001');
    assert.match(await until('its line', () => started.text.stdout.match(/^service1.*GET \/ .*$/m)?.[0]), /ms$/);
    await stop(started);
  });

  for (const [env, message] of [
    [{ SERVICE3_SLEEP_MS: 'long' }, /^SERVICE3_SLEEP_MS="long" is not valid: .*\n$/],
    [{ SERVICE_NAME: 'service2' }, /^SERVICE_NAME="service2" is not valid here: npm run service starts one service\n$/],
    [{ HOST: '192.0.2.1' }, /^can't listen on HOST=192\.0\.2\.1: .*EADDRNOTAVAIL.*\n$/],
  ] as const) {
    test(`${Object.entries(env).join().replace(',', '=')}: one line says why, and nothing starts`, async () => {
      await using started = start(env);
      assert.equal(await started.exit, 1);
      assert.match(started.text.stderr, message);
      assert.deepEqual(notes(started), []);
    });
  }

  test('without otel.env: one line says what is missing, and where to run', async () => {
    await using started = run(process.execPath, [`${process.cwd()}/local/start.ts`], {}, '/');
    assert.equal(await started.exit, 1);
    assert.match(started.text.stderr, /^can't read otel\.env in \S+: run npm start in the demo's directory.*\n$/);
    assert.deepEqual(notes(started), []);
  });

  test('npm run viewer prints where the traces are and where spans go; a second one takes the next free port', async () => {
    const start = () => run(process.execPath, ['local/viewer/start.ts'], {});
    const urlOf = ({ text }: ReturnType<typeof start>) =>
      until('both URLs', () => {
        const [, traces, spans, otlp] =
          text.stdout.match(
            /^see the traces: +(\S+)\/zipkin\/\nsend spans to: +(\S+)\/api\/v2\/spans\nor, as OTLP: +(\S+)\/v1\/traces .*\n$/,
          ) ?? [];
        return traces === spans && spans === otlp && traces;
      });
    await using one = start();
    const first = await urlOf(one);
    await using two = start();
    const second = await urlOf(two);
    assert.notEqual(first, second);
    for (const url of [first, second]) assert.equal((await fetch(`${url}/zipkin/`)).status, 200);
  });
});

test('a line that is not from the log of a service is printed as it is', () => {
  const format = createFormatter();
  assert.equal(format('{"level":"info","msg":"hello"}').trim(), 'INFO: hello');
  for (const line of ['', 'hello', 'null', '1', '[1]', '{}', '{"a":1}', '{"msg":{}}', '{"level":{},"msg":"hello"}']) {
    assert.equal(format(line), line);
  }
});
