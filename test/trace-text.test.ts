// A trace as text: from the viewer, by `npm run trace`, and on the page.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startViewer, ZIPKIN_URL, zipkinAt } from './support/backends.ts';
import { hex } from './support/http.ts';
import { run } from './support/process.ts';
import { closedUrl, serve } from './support/servers.ts';
import { noZipkin } from './support/skip.ts';
import { zipkinSpan as span } from './support/spans.ts';
import { until } from './support/wait.ts';

const asText = (url: string) => fetch(url, { headers: { accept: 'text/plain' } });

async function npmRunTrace(wanted: string, env: Record<string, string> = {}) {
  await using trace = run(process.execPath, ['local/trace.ts', wanted], env);
  return { code: await trace.exit, ...trace.text };
}

/** A failed trace, and its lines. */
function example() {
  const root = span({ localEndpoint: { serviceName: 'shop' }, kind: 'SERVER', duration: 1_250_000 });
  const { traceId, timestamp } = root;
  const child = { traceId, parentId: root.id, localEndpoint: { serviceName: 'shop' } };
  const call = span({ ...child, name: 'pay', timestamp: timestamp + 250, duration: 9500, tags: { error: '503' } });
  const later = span({ ...child, name: 'log', timestamp: timestamp + 10_000, duration: 1 });
  const answer = { traceId, parentId: call.id, name: 'post /', kind: 'SERVER', localEndpoint: { serviceName: 'bank' } };
  const lines = `
   0 ms  1.25 s  shop get / SERVER
 250 µs  9.5 ms    shop pay FAILED: 503
      ?       ?      bank post / SERVER
10.0 ms    1 µs    shop log`;
  return { traceId, spans: [later, { ...answer, id: hex(16) }, call, root], lines: lines.slice(1) };
}

test('the viewer returns a trace as text if it is asked for text/plain, and the page otherwise', async () => {
  await using viewer = await startViewer();
  const { traceId, spans, lines } = example();
  await viewer.post(spans);
  const url = `${viewer.url}/zipkin/traces/${traceId}`;
  const response = await asText(url);
  assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(await response.text(), `${url}\n${lines}\nstill arriving\n`);
  for (const accept of ['*/*', 'text/html,application/xhtml+xml,*/*;q=0.8'])
    assert.match(await (await fetch(url, { headers: { accept } })).text(), /^<!doctype html>/);
});

test('the text says whether the trace is whole', async ({ mock }) => {
  mock.timers.enable({ apis: ['Date'], now: 1e12 });
  await using viewer = await startViewer();
  const root = span();
  const { traceId } = root;
  const url = `${viewer.url}/zipkin/traces/${traceId}`;
  const lastLine = async () => (await (await asText(url)).text()).trimEnd().split('\n').at(-1);
  assert.equal((await asText(url)).status, 404);
  assert.equal(await lastLine(), 'no span has arrived');
  await viewer.post([root, span({ traceId, parentId: root.id })]);
  assert.equal(await lastLine(), 'still arriving');
  mock.timers.tick(1000);
  assert.match(`${await lastLine()}`, /unknown service get \/$/);
  await viewer.post([span({ traceId, parentId: hex(16) })]);
  assert.equal(await lastLine(), 'still arriving');
  mock.timers.tick(10_000);
  assert.equal(await lastLine(), 'incomplete: 1 span has no parent');
  await viewer.post([span({ traceId, parentId: hex(16) })]);
  mock.timers.tick(10_000);
  assert.equal(await lastLine(), 'incomplete: 2 spans have no parent');
});

test('a span stays on its line, whatever it says: invisible characters are escaped, long texts are cut', async () => {
  await using viewer = await startViewer();
  const name = 'a\nb\x1b[31m\u202e\x9b\u2028c';
  const one = span({ name, localEndpoint: { serviceName: 'x'.repeat(300) }, tags: { error: '\x1b]0;\x07' } });
  await viewer.post([one]);
  const [, line] = (await (await asText(`${viewer.url}/zipkin/traces/${one.traceId}`)).text()).split('\n');
  const escaped = 'a\\u{a}b\\u{1b}[31m\\u{202e}\\u{9b}\\u{2028}c';
  assert.equal(line, `0 ms  5.0 ms  ${'x'.repeat(200)}… ${escaped} FAILED: \\u{1b}]0;\\u{7}`);
});

test('a reason that a Collector has written beside `error: true` is shown; without a reason there is only FAILED', async () => {
  await using viewer = await startViewer();
  for (const [tags, words] of [
    [{ error: 'true', 'otel.status_description': 'no money' }, 'FAILED: no money'],
    [{ error: 'true' }, 'FAILED: true'],
    [{ error: '' }, 'FAILED'],
  ] as const) {
    const one = span({ tags });
    await viewer.post([one]);
    const text = await (await asText(`${viewer.url}/zipkin/traces/${one.traceId}`)).text();
    assert.ok(text.includes(`get / ${words}\n`), text);
  }
});

suite('the tree', () => {
  /** The tree of spans of one trace, without their times. */
  async function treeOf(spans: object[]) {
    await using viewer = await startViewer();
    const traceId = hex(32);
    await viewer.post(spans.map((fields) => span({ traceId, ...fields })));
    const [, ...lines] = (await (await asText(`${viewer.url}/zipkin/traces/${traceId}`)).text()).split('\n');
    return lines
      .slice(0, -2)
      .map((line) => line.replace(/^\S+ \S+ {2,}\S+ \S+ {2}/, '').replace('unknown service ', ''));
  }
  const [a, b] = [hex(16), hex(16)];

  test('siblings that start at the same moment: the longer first, then by name, in whatever order they arrive', async () => {
    const root = { id: a, name: 'root' };
    const children = [
      { parentId: a, name: 'late', timestamp: 1e15 + 1, duration: 9000 },
      { parentId: a, name: 'a short one', duration: 1000 },
      { parentId: a, name: 'c', duration: 2000 },
      { parentId: a, name: 'b', duration: 2000 },
    ];
    const expected = ['root', '  b', '  c', '  a short one', '  late'];
    assert.deepEqual(await treeOf([root, ...children]), expected);
    assert.deepEqual(await treeOf([...children.toReversed(), root]), expected);
  });

  test('a SERVER span with the id of a CLIENT span is its child, also if it is not `shared`', async () => {
    for (const shared of [true, undefined]) {
      const client = { id: b, parentId: a, kind: 'CLIENT', name: 'call' };
      const server = { id: b, parentId: a, kind: 'SERVER', name: 'serve', shared };
      const spans = [{ id: a, name: 'root' }, { parentId: b, name: 'below' }, server, client];
      assert.deepEqual(await treeOf(spans), ['root', '  call CLIENT', '    serve SERVER', '      below']);
    }
  });

  test('a span that is its own parent is a root', async () => {
    assert.deepEqual(
      await treeOf([
        { id: a, parentId: a, name: 'own' },
        { parentId: a, name: 'below' },
      ]),
      ['own', '  below'],
    );
  });

  test('a service without a name is "unknown service"', async () => {
    await using viewer = await startViewer();
    const one = span({ localEndpoint: { serviceName: '' } });
    await viewer.post([one]);
    assert.match(await (await asText(`${viewer.url}/zipkin/traces/${one.traceId}`)).text(), / unknown service get /);
  });
});

suite('npm run trace', () => {
  test('prints the trace of a URL, or of an id at the URL of TRACE_UI_URL', async () => {
    await using viewer = await startViewer();
    const { traceId, spans, lines } = example();
    await viewer.post(spans);
    const url = `${viewer.url}/zipkin/traces/${traceId}`;
    const expected = { code: 0, stdout: `${url}\n${lines}\n`, stderr: '' };
    assert.deepEqual(await npmRunTrace(url), expected);
    assert.deepEqual(
      await npmRunTrace(traceId.toUpperCase(), { TRACE_UI_URL: `${viewer.url}/zipkin/traces/{traceId}` }),
      expected,
    );
  });

  test('prints a trace of a real Zipkin', { skip: noZipkin() }, async () => {
    const { traceId, spans, lines } = example();
    const headers = { 'content-type': 'application/json' };
    await fetch(`${ZIPKIN_URL}/api/v2/spans`, { method: 'POST', headers, body: JSON.stringify(spans) });
    await until('the spans', async () => (await zipkinAt(`${ZIPKIN_URL}`).trace(traceId)).length === spans.length);
    const url = `${ZIPKIN_URL}/zipkin/traces/${traceId}`;
    assert.equal((await npmRunTrace(url)).stdout, `${url}\n${lines}\n`);
  });

  test('a trace that ended just now may still arrive', async () => {
    await using viewer = await startViewer();
    const one = span({ timestamp: Date.now() * 1000, duration: 3_600_000_000 });
    await viewer.post([one]);
    assert.match((await npmRunTrace(`${viewer.url}/zipkin/traces/${one.traceId}`)).stdout, /\nstill arriving\n$/);
  });

  test('one line says what is wrong, and the exit code is 1', async () => {
    await using viewer = await startViewer();
    await using other = await serve((_req, res) => res.end('<\x1b[2J'));
    await using endless = await serve((_req, res) => {
      const more = () => {
        while (!res.destroyed && res.write(' '.repeat(1_000_000)));
      };
      res.on('drain', more);
      more();
    });
    const path = '/zipkin/traces/abc';
    for (const [wanted, reason] of [
      [
        '',
        /^npm run trace "": must be a trace's id, or its URL: http:\/\/localhost:9411\/zipkin\/traces\/\{traceId\}\n$/,
      ],
      ['http://localhost:16686/trace/abc', /^npm run trace "http:\/\/localhost:16686\/trace\/abc": must be .*\n$/],
      [viewer.url + path, /^GET http:\/\/\S+\/zipkin\/api\/v2\/trace\/abc: 404\n$/],
      [closedUrl() + path, /^fetch failed: ECONNREFUSED\n$/],
      [other.url + path, /^Unexpected token .*<\\u\{1b\}\[2J.*\n$/],
      [endless.url + path, /^GET \S+: more than 64 MB\n$/],
    ] as const) {
      const { code, stdout, stderr } = await npmRunTrace(wanted);
      assert.deepEqual([code, stdout], [1, ''], wanted);
      assert.match(stderr, reason);
    }
  });
});
