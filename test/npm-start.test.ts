// `npm start` has the ports that the README names, so these tests need them free.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { createFormatter } from '../local/format-log.ts';
import { thisMachine } from '../local/machine.ts';
import { zipkinAt } from './support/backends.ts';
import { startExample } from './support/example.ts';
import { b3, get, hex } from './support/http.ts';
import { notes, npmStart, open, portsInUse, preload, ready, type Started, start, stop } from './support/launcher.ts';
import { openPorts } from './support/ports.ts';
import { run } from './support/process.ts';
import { startRecorder } from './support/recorder.ts';
import { serve } from './support/servers.ts';
import { unless } from './support/skip.ts';
import { draw, failedSpans, failedTrace, goodSpans, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const hasPythonSdk = (env: NodeJS.ProcessEnv) =>
  spawnSync('python3', ['-c', 'import opentelemetry.exporter.otlp.proto.http'], { env: { ...process.env, ...env } })
    .status === 0;

suite('npm start', { skip: await portsInUse() }, () => {
  let demo: Started; // of the first three tests
  before(() => {
    demo = npmStart({ INTENTIONAL_FAILURE_PCT: '100' });
  });
  after(() => demo[Symbol.asyncDispose]());

  test('starts three services and the viewer, says what to do, and shows a trace', async () => {
    await ready(demo);
    assert.match(demo.text.stdout, /curl localhost:5001/);
    assert.match(demo.text.stdout, /see the traces: +http:\/\/localhost:9411\/zipkin\/$/m);
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:9411/zipkin/traces/${body.trace_id}`);
    const trace = await traceOf(zipkinAt('http://localhost:9411'), `${body.trace_id}`, failedSpans);
    assert.equal(draw(trace), failedTrace);
    const services = ['service1', 'service2', 'service3'];
    const hasLink = (service: string) =>
      demo.text.stdout.split('\n').some((line) => line.startsWith(service) && line.endsWith(`  ${body.trace_url}`));
    await until('the link in the log of each service', () => services.every(hasLink));
    const lines = demo.text.stdout.split('\n').filter((line) => line && !line.startsWith('>'));
    assert.deepEqual(
      lines.filter((line) => !/^(start|service[123]) +\| /.test(line)),
      [],
    );
  });

  test('the example as it is: its spans and those of service3 are one trace in the viewer', async () => {
    await using shop = await startExample({});
    const traceId = hex(32);
    const { status } = await get(shop.url, b3(traceId));
    assert.equal(status, 200);
    shop.signal('SIGTERM');
    assert.equal(await shop.exit, 0, shop.text.stderr);
    await traceOf(zipkinAt('http://localhost:9411'), traceId, 4);
  });

  test('a launcher that is killed takes its services with it', async () => {
    demo.signalGroup('SIGKILL');
    await until('all ports to be free', async () => (await open()).length === 0);
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
    test(`${what} during a request: it ends, its spans reach the Zipkin on port 9411, nothing is left running`, async () => {
      await using zipkin = await startRecorder(9411);
      await using started = npmStart({ INTENTIONAL_FAILURE_PCT: '0', SERVICE3_SLEEP_MS: '1500' });
      await ready(started);
      assert.match(
        `${notes(started)[0]}`,
        /^a Zipkin responds at .*: it is used; the built-in trace viewer is not started$/,
      );
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
    await using started = start();
    await until('the first service', () => started.text.stdout.includes('listens on'));
    await stop(started);
    assert.deepEqual(await open(), []);
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
      const line = new RegExp(`^${name} \\| .*listens on http://127.0.0.1:${port}$`, 'm');
      await until(`${line}`, () => line.test(started.text.stdout)); // it may come after the first response
    }
    assert.ok(notes(started).includes('see the traces:  http://localhost:9412/zipkin/'));
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:9412/zipkin/traces/${body.trace_id}`);
    assert.equal(draw(await traceOf(zipkinAt('http://localhost:9412'), `${body.trace_id}`, failedSpans)), failedTrace);
    await until('the link in the log', () => started.text.stdout.includes(`  ${body.trace_url}\n`));
    await stop(started);
  });

  test('two at the same moment, with OTLP by gRPC and no endpoint set: one says that the port is taken; the spans of the other go to the viewer, and Ctrl-C leaves nothing running', async () => {
    const grpc = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', INTENTIONAL_FAILURE_PCT: '100' };
    await using one = start(grpc);
    await using two = start(grpc);
    const loser = await Promise.race([one, two].map((started) => started.exit.then(() => started)));
    const winner = loser === one ? two : one;
    assert.equal(await loser.exit, 1);
    assert.match(loser.text.stderr, /^port 5001 is taken: .*\n$/);
    assert.deepEqual(notes(loser), []);
    await ready(winner);
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:9411/zipkin/traces/${body.trace_id}`);
    assert.equal(draw(await traceOf(zipkinAt('http://localhost:9411'), `${body.trace_id}`, failedSpans)), failedTrace);
    await stop(winner);
    assert.deepEqual(await open(), []);
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

  test('behind a proxy, and on another address: this machine is called directly, others as the variables say', async () => {
    const hosts: unknown[] = [];
    await using proxy = await serve(({ headers }, res) => {
      hosts.push(headers.host);
      res.writeHead(502).end();
    });
    const proxySettings = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url, NO_PROXY: 'localhost' };
    await using started = start({ ...proxySettings, SERVICE2_URL: 'http://shop.test', HOST: '127.0.0.2' });
    await ready(started);
    assert.deepEqual(await open(), []); // on 127.0.0.1
    const { body } = await get('http://127.0.0.2:5001');
    assert.deepEqual(body.response_codes, { service2: 502, service3: 200 });
    await traceOf(zipkinAt('http://127.0.0.2:9411'), `${body.trace_id}`, 7);
    assert.deepEqual(hosts, ['shop.test']);
    await stop(started);
  });

  test('without otel.env: one line says what is missing, and where to run', async () => {
    await using started = run(process.execPath, [`${process.cwd()}/local/start.ts`], {}, '/');
    assert.equal(await started.exit, 1);
    assert.match(started.text.stderr, /^can't read otel\.env in \S+: run npm start in the demo's directory.*\n$/);
    assert.deepEqual(notes(started), []);
  });

  suite('npm run viewer', () => {
    const startViewer = () => run(process.execPath, ['local/viewer/start.ts'], {});
    const linesOf = ({ text }: ReturnType<typeof startViewer>) =>
      until('its last line', () => /npm start.*\n$/.test(text.stdout) && text.stdout.split('\n'));
    const words = ([main, otlp, grpc]: number[]) => [
      `see the traces:  http://localhost:${main}/zipkin/`,
      `send OTLP to:    http://localhost:${otlp} (http/protobuf, http/json), http://localhost:${grpc} (grpc)`,
      `or, as Zipkin's: http://localhost:${main}/api/v2/spans`,
    ];
    let viewer: ReturnType<typeof startViewer>;
    before(async () => {
      viewer = startViewer();
      await linesOf(viewer);
    });
    after(() => viewer[Symbol.asyncDispose]());

    test('prints where the traces are and where spans go; a second one takes the next free ports', async () => {
      assert.deepEqual((await linesOf(viewer)).slice(0, 3), words([9411, 4318, 4317]));
      await using second = startViewer();
      assert.deepEqual((await linesOf(second)).slice(0, 6), [
        'port 9411 is not available: the trace viewer listens on 9412',
        'port 4318 is not available: the trace viewer takes OTLP by HTTP on 4319',
        'port 4317 is not available: the trace viewer takes OTLP by gRPC on 4320',
        ...words([9412, 4319, 4320]),
      ]);
      for (const url of ['http://localhost:9411', 'http://localhost:9412'])
        assert.equal((await fetch(`${url}/zipkin/`)).status, 200);
      assert.deepEqual(await openPorts([4317, 4318, 4319, 4320]), [4317, 4318, 4319, 4320]);
      assert.equal(await thisMachine.hasOtlpBackend(4318), false); // they are viewers
      assert.equal(await thisMachine.hasOtlpBackend(4317), false);
    });

    const python = { PYTHONPATH: resolve('node_modules/.python') };
    const nodeProgram = `
      import { trace } from '@opentelemetry/api';
      import { NodeSDK } from '@opentelemetry/sdk-node';
      const sdk = new NodeSDK();
      sdk.start();
      const span = trace.getTracer('by-hand').startSpan('hello');
      console.log(span.spanContext().traceId);
      span.end();
      await sdk.shutdown();`;
    for (const [sdk, skip, program] of [
      [
        'Python',
        unless(hasPythonSdk(python), 'no Python 3 with OpenTelemetry: see .ci/run'),
        () => run('python3', ['test/python-otlp/app.py'], python),
      ],
      [
        'Node',
        false,
        () => run(process.execPath, ['--input-type=module', '-e', nodeProgram], { OTEL_LOG_LEVEL: 'warn' }),
      ],
    ] as const)
      test(`gets a span of the SDK for ${sdk} with nothing set, which logs no error`, { skip }, async () => {
        await using sender = program();
        assert.equal(await sender.exit, 0, sender.text.stderr);
        assert.deepEqual([sender.text.stderr, viewer.text.stderr], ['', '']);
        const traceId = sender.text.stdout.trim();
        assert.match(traceId, /^[0-9a-f]{32}$/);
        const [span] = await traceOf(zipkinAt('http://localhost:9411'), traceId, 1);
        assert.equal(span?.name, 'hello');
        assert.match(`${span?.localEndpoint?.serviceName}`, /^unknown_service/);
      });
  });
});

test('a line of a request has the link to its trace, or the trace id; none if it was not sampled', () => {
  const line = { level: 'info', msg: 'GET / 200', ms: 7, trace_id: 'abc' };
  const formatted = (flags: string, url?: string) =>
    createFormatter(url)(JSON.stringify({ ...line, trace_flags: flags })).trim();
  assert.equal(formatted('01', 'http://ui.test/{traceId}'), 'INFO: GET / 200  7 ms  http://ui.test/abc');
  assert.equal(formatted('01'), 'INFO: GET / 200  7 ms  trace abc');
  assert.equal(formatted('00', 'http://ui.test/{traceId}'), 'INFO: GET / 200  7 ms');
});

test('a line that is not from the log of a service is printed as it is', () => {
  const format = createFormatter();
  assert.equal(format('{"level":"info","msg":"hello"}').trim(), 'INFO: hello');
  for (const line of ['', 'hello', 'null', '1', '[1]', '{}', '{"a":1}', '{"msg":{}}', '{"level":{},"msg":"hello"}']) {
    assert.equal(format(line), line);
  }
});

test('control characters in the log of a service do not reach the terminal', () => {
  const line = JSON.stringify({ level: 'info', msg: 'a\x1b]0;b\x07\x9b31mc\nd', err: { stack: '\x1b[2J' } });
  assert.equal(createFormatter()(line).trim(), 'INFO: a\\u{1b}]0;b\\u{7}\\u{9b}31mc\nd');
});
