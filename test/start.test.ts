// `npm start` has the ports that the README names, so these tests need them free.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { suite, test } from 'node:test';
import { zipkinAt } from './support/backends.ts';
import { get } from './support/http.ts';
import { openPorts } from './support/ports.ts';
import { run } from './support/process.ts';
import { unless } from './support/skip.ts';
import { draw, failedTrace, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const ports = [5001, 5002, 5003, 9411];
const open = () => openPorts(ports);
const npmStart = (env: Record<string, string> = {}) => run('npm', ['start'], { HOME: process.env.HOME, ...env });
const ready = (started: ReturnType<typeof npmStart>) =>
  until('npm start to be ready', () => {
    if (/exit|taken/.test(started.text.stdout)) throw new Error(started.text.stdout);
    return started.text.stdout.includes('stop with Ctrl-C'); // the last line
  });
const listenOn = async (port: number, listener: RequestListener) => {
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
const taken = await open();

suite('npm start', { skip: unless(taken.length === 0, `ports in use: ${taken.join(', ')}`) }, () => {
  test('starts three services and the viewer, says what to do, and shows a trace', async () => {
    await using started = npmStart({ INTENTIONAL_FAILURE_PCT: '100' });
    await ready(started);
    assert.match(started.text.stdout, /curl localhost:5001/);
    assert.match(started.text.stdout, /http:\/\/localhost:9411\/zipkin\//);
    const { body } = await get('http://localhost:5001');
    assert.equal(body.trace_url, `http://localhost:9411/zipkin/traces/${body.trace_id}`);
    const trace = await traceOf(zipkinAt('http://localhost:9411'), `${body.trace_id}`, 9);
    assert.equal(draw(trace), failedTrace);
    const lines = started.text.stdout.split('\n').filter((line) => line && !line.startsWith('>'));
    assert.deepEqual(
      lines.filter((line) => !/^(start|service[123]) +\| /.test(line)),
      [],
    );

    started.signalGroup('SIGINT');
    assert.ok([0, 130].includes((await started.exit) as number));
    assert.deepEqual(await open(), []);
  });

  const ways: Record<string, (started: ReturnType<typeof npmStart>) => Promise<void>> = {
    'Ctrl-C twice': async ({ signalGroup }) => {
      signalGroup('SIGINT');
      await until('service1 to close its port', async () => !(await openPorts([5001])).includes(5001));
      signalGroup('SIGINT');
    },
    'SIGTERM to npm': async ({ signal }) => void signal('SIGTERM'),
  };
  for (const [what, stop] of Object.entries(ways)) {
    test(`${what} during a request: it is answered, its spans are flushed, nothing is left running`, async () => {
      const spans: string[] = [];
      await using _zipkin = await listenOn(9411, fakeZipkin(spans));
      await using started = npmStart({ INTENTIONAL_FAILURE_PCT: '0', SERVICE3_SLEEP_MS: '1500' });
      await ready(started);
      const answer = get('http://127.0.0.1:5001');
      // The spans of the call to service2 are sent after 500 ms, while service3 still sleeps for the second call.
      await until('the request to be half done', () => spans.length > 0);
      await stop(started);
      const { status, body } = await answer;
      assert.equal(status, 200);
      assert.deepEqual(body.response_codes, { service2: 200, service3: 200 });
      assert.ok([0, 130].includes((await started.exit) as number));
      assert.equal(spans.filter((traceId) => traceId === body.trace_id).length, 12);
      assert.deepEqual(await open(), [9411]);
    });
  }

  test('Ctrl-C while it starts leaves nothing running', async () => {
    await using started = npmStart();
    await until('the first service', () => started.text.stdout.includes('listens on'));
    started.signalGroup('SIGINT');
    assert.ok([0, 130].includes((await started.exit) as number));
    assert.deepEqual(await open(), []);
  });

  test('a launcher that is killed takes its services with it', async () => {
    await using started = npmStart();
    await ready(started);
    started.signalGroup('SIGKILL');
    await until('all ports to be free', async () => (await open()).length === 0);
  });

  test('a Zipkin that already answers on port 9411 is used, and said to be', async () => {
    const spans: string[] = [];
    await using _zipkin = await listenOn(9411, fakeZipkin(spans));
    await using started = npmStart();
    await ready(started);
    assert.match(started.text.stdout, /a Zipkin answers at http:\/\/127\.0\.0\.1:9411: it is used/);
    const { body } = await get('http://localhost:5001');
    await until('its spans to reach that Zipkin', () => spans.includes(`${body.trace_id}`));
    started.signalGroup('SIGTERM');
    assert.equal(await started.exit, 0);
  });

  for (const port of ports) {
    test(`port ${port} taken by another program: one line names it, and the exit code is not 0`, async () => {
      await using _other = await listenOn(port, (_req, res) => res.end('hello'));
      await using started = npmStart();
      assert.notEqual(await started.exit, 0);
      const said = `${started.text.stdout}\n${started.text.stderr}`.split('\n').filter((line) => line.includes(' | '));
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(`${said[0]}`, new RegExp(`port ${port} .*taken`));
    });
  }

  test('a second npm start says that the port is taken and leaves the first one alone', async () => {
    await using first = npmStart();
    await ready(first);
    await using second = npmStart();
    assert.notEqual(await second.exit, 0);
    assert.match(second.text.stderr, /port 5001 .*taken/);
    assert.equal((await get('http://localhost:5001')).status, 200);
    first.signalGroup('SIGINT');
    await first.exit;
  });

  test('two at the same moment: the one that fails says which port, without a stack; nothing is left running', async () => {
    await using one = npmStart();
    await using two = npmStart();
    for (const started of [one, two]) {
      const settled = await Promise.race([ready(started).catch(() => 'failed'), started.exit]);
      if (settled !== true)
        assert.match(started.text.stdout + started.text.stderr, /port 5001 .*taken|EADDRINUSE|port 9411 .*taken/);
      assert.doesNotMatch(started.text.stderr, /^ +at /m);
    }
    for (const started of [one, two]) {
      if ((await Promise.race([started.exit, 'runs'])) === 'runs') started.signalGroup('SIGINT');
      await started.exit;
    }
    assert.deepEqual(await open(), []);
  });

  test('a fault in the configuration is said once, and nothing starts', async () => {
    await using started = npmStart({ SERVICE3_SLEEP_MS: 'long' });
    assert.notEqual(await started.exit, 0);
    assert.deepEqual(started.text.stderr.match(/^start +\| SERVICE3_SLEEP_MS="long" is not valid: .+$/gm)?.length, 1);
  });
});

/** What `npm start` takes for a Zipkin; collects the trace id of every span. */
function fakeZipkin(traceIds: string[]): RequestListener {
  return async (req, res) => {
    if (req.url === '/health') return void res.end('{"status":"UP","zipkin":{"status":"UP"}}');
    let body = '';
    for await (const chunk of req) body += chunk;
    for (const span of JSON.parse(body)) traceIds.push(span.traceId);
    res.writeHead(202).end();
  };
}
