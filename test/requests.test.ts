// What a caller can send to the services, and what it gets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { ZipkinSpan } from '../local/viewer/span.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { get, hex } from './support/http.ts';
import { load } from './support/load.ts';
import { type Line, linesOf } from './support/log-lines.ts';
import { send as sendTo } from './support/raw.ts';
import { startService, startSharedDemo } from './support/services.ts';
import { draw, failedSpans, failedTrace, goodSpans, traceOf } from './support/trace.ts';
import { unlessItHangs, until } from './support/wait.ts';

const { viewer, demo } = await startSharedDemo(() => ({ TRACE_UI_URL: 'http://ui.example/t/{traceId}?v=1' }));
const always = { ...viewer.env, SERVICE3_URL: demo.service3.url, INTENTIONAL_FAILURE_PCT: '100' };
const failingService2 = disposeAfterTests(await startService('service2', always));
const failing = disposeAfterTests(await startService('service1', { ...always, SERVICE2_URL: failingService2.url }));

test('the response to a good request has both response codes and a link to the trace', async () => {
  const { status, headers, body } = await get(demo.url);
  assert.equal(status, 200);
  assert.match(`${headers.get('content-type')}`, /^application\/json/);
  assert.match(`${body.trace_id}`, /^[0-9a-f]{32}$/);
  assert.deepEqual(body, {
    failure_chance_pct: 0,
    response_codes: { service2: 200, service3: 200 },
    trace_id: body.trace_id,
    trace_url: `http://ui.example/t/${body.trace_id}?v=1`,
  });
});

test('a response ends with a newline, so that the prompt after curl is on a line of its own', async () => {
  for (const path of ['/', '/health', '/nowhere']) {
    assert.match(await (await fetch(demo.url + path)).text(), /^\{.*\}\n$/);
  }
});

test('without telemetry.ts the response is the same, except for the link', async () => {
  const env = { SERVICE3_URL: demo.service3.url, INTENTIONAL_FAILURE_PCT: '100' };
  await using service2 = await startService('service2', env, { telemetry: false });
  await using service1 = await startService('service1', { ...env, SERVICE2_URL: service2.url }, { telemetry: false });
  const { status, body } = await get(service1.url);
  assert.equal(status, 200);
  assert.deepEqual(body, { failure_chance_pct: 100, response_codes: { service2: 500, service3: 200 } });
});

test('service2 and service3 can be called directly; an intentional failure has a message, and no stack', async () => {
  assert.deepEqual(await json(demo.service2.url), [200, { response_codes: { service3: 200 } }]);
  assert.deepEqual(await json(demo.service3.url), [200, { slept_ms: 1 }]);
  const failing = { baggage: 'failure_pct=100' };
  assert.deepEqual(await json(demo.service2.url, failing), [500, { error: 'Intentional 100% failure' }]);
});

test('INTENTIONAL_FAILURE_PCT is the percentage of requests that fail; without traces, no log line has a trace_id', async () => {
  const env = { OTEL_TRACES_EXPORTER: 'none', SERVICE3_URL: demo.service3.url, INTENTIONAL_FAILURE_PCT: '30' };
  await using service2 = await startService('service2', env);
  const responses = await load(service2.url, 500, 10);
  const failed = responses.filter(({ status }) => status === 500).length;
  assert.ok(failed > 98 && failed < 202, `${failed} of 500`); // 150, plus or minus five standard deviations
  assert.equal(responses.filter(({ status }) => status === 200).length, 500 - failed);
  const lines = await until('the lines', () => {
    const all = linesOf(service2).filter(({ route }) => route === '/');
    return all.length === 500 && all;
  });
  assert.deepEqual(
    lines.filter(({ trace_id }) => trace_id),
    [],
  );
});

for (const name of ['service1', 'service2', 'service3'] as const) {
  test(`${name} responds to /health with 200 and to unknown paths with 404, as JSON; /health and /favicon.ico are not traced`, async () => {
    const { url } = demo[name];
    for (const path of ['/health?x=1', '/health/', '/HEALTH']) {
      assert.deepEqual(await json(url + path), [200, { status: 'UP' }]);
    }
    // fetch can't send the absolute form of a URL
    assert.match(await sendTo(url, `GET ${url}/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`), /"UP"/);
    assert.equal((await json(`${url}/favicon.ico`))[0], 404);
    const last = `/nowhere-${name}`;
    assert.deepEqual(await json(`${url}${last}?password=s3cret`), [404, { error: `not found: GET ${last}` }]);
    // Spans arrive in the order in which they ended: when the last one is there, so are all before it.
    const paths = await until('the span of the last request', async () => {
      const [, traces] = await json(`${viewer.url}/api/v2/traces?serviceName=${name}&limit=9999`);
      const servers = (traces as ZipkinSpan[][])
        .flat()
        .filter(({ kind, localEndpoint }) => kind === 'SERVER' && localEndpoint?.serviceName === name);
      const found = servers.map(({ tags }) => `${tags?.['url.path']}`);
      return found.includes(last) && found;
    });
    assert.deepEqual(
      paths.filter((path) => /health|favicon/i.test(path)),
      [],
    );
  });
}

test('?failure_pct=100 makes this request fail, and only this one', async () => {
  const { status, body } = await get(`${demo.url}/?failure_pct=100`);
  assert.equal(status, 200);
  assert.deepEqual([body.failure_chance_pct, body.response_codes], [100, { service2: 500, service3: 200 }]);
  assert.equal(draw(await traceOf(viewer, `${body.trace_id}`, failedSpans)), failedTrace);
  const next = await get(demo.url);
  assert.deepEqual([next.body.failure_chance_pct, next.body.response_codes.service2], [0, 200]);
});

test('?failure_pct=0 makes a request succeed if all others fail', async () => {
  const { body } = await get(`${failing.url}/?failure_pct=0`);
  assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [0, 200]);
  assert.equal((await get(failing.url)).body.response_codes.service2, 500);
});

for (const query of [
  '=',
  '=101',
  '=-1',
  '=1e2',
  '=%20100',
  '=50.0',
  '=0100',
  '=100%00',
  '=<b>',
  '=1&failure_pct=2',
  '=%0d%0aX:1',
]) {
  test(`?failure_pct${query} is a 400 that names the parameter, the value and the valid values`, async () => {
    const response = await fetch(`${demo.url}/?failure_pct${query}`);
    assert.equal(response.status, 400);
    const { error } = (await response.json()) as { error: string };
    assert.match(
      error,
      /^failure_pct=(".*"|\["1","2"\]) is not valid: it must be an integer from 0 to 100, given once$/,
    );
  });
}

for (const [what, name] of [
  ['names', 'name'],
  ['numbers', ''],
] as const) {
  test(`?failure_pct=100 takes effect beside 180 entries of baggage, the most that is propagated: ${what}`, async () => {
    const baggage = Array.from({ length: 180 }, (_, i) => `${name}${i}=x`).join();
    const { body } = await get(`${demo.url}/?failure_pct=100`, { baggage });
    assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [100, 500]);
  });
}

test('a caller’s baggage sets the percentage too, two services away; the parameter takes precedence', async () => {
  const baggage = { baggage: 'user=ann,failure_pct=100' };
  const { body } = await get(demo.url, baggage);
  assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [100, 500]);
  const { body: asked } = await get(`${demo.url}/?failure_pct=0`, baggage);
  assert.deepEqual([asked.failure_chance_pct, asked.response_codes.service2], [0, 200]);
});

for (const value of ['abc', '101', '-1', '%0aX', '<b>', '%C2%9B31m', '%E2%80%AE001', '%E2%80%8B5', '1'.repeat(4000)]) {
  test(`service2 ignores the baggage failure_pct=${value.slice(0, 20)}, and logs that`, async () => {
    const { status, body } = await get(demo.url, { baggage: `failure_pct=${value}` });
    assert.equal(status, 200);
    assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [0, 200]);
    const line = await until('the warning', () =>
      linesOf(demo.service2).find(({ level, trace_id }: Line) => level === 'warn' && trace_id === body.trace_id),
    );
    assert.match(line.msg, /^ignored the baggage failure_pct=".{2,200}": it must be an integer from 0 to 100$/);
    assert.doesNotMatch(line.msg, /[\p{Cc}\p{Cf}]/u, 'no control character, no bidi override');
  });
}

for (const baggage of [
  'failure_pct',
  'failure_pct=%zz',
  '=100',
  ';;;,,,',
  'x='.repeat(2000),
  `a=${'b'.repeat(8000)}`,
]) {
  test(`malformed baggage fails no request: ${baggage.slice(0, 20)}`, async () => {
    const { status, body } = await get(demo.url, { baggage });
    assert.deepEqual([status, body.response_codes], [200, { service2: 200, service3: 200 }]);
  });
}

for (const [name, value, isTraced] of [
  ['OTEL_PROPAGATORS', 'tracecontext', true],
  ['OTEL_SDK_DISABLED', 'true', false],
] as const) {
  test(`with ${name}=${value}, ?failure_pct= is ignored and logged; the response has the percentage in effect`, async () => {
    const env = { ...always, SERVICE2_URL: failingService2.url, [name]: value };
    await using service1 = await startService('service1', env);
    const { body } = await get(`${service1.url}/?failure_pct=0`);
    assert.deepEqual([body.failure_chance_pct, body.response_codes.service2], [100, 500]);
    const line = await until('the warning', () => linesOf(service1).find(({ level }) => level === 'warn'));
    assert.match(line.msg, /^ignored failure_pct=0: baggage is not propagated/);
    assert.equal(line.trace_id !== undefined, isTraced);
  });
}

const open = async () => {
  const socket = connect(Number(new URL(demo.url).port), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
};
const send = (bytes: string) => sendTo(demo.url, bytes);
const request = (line: string, headers = '', body = '') =>
  `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n${body}`;

for (const [what, bytes, statuses] of [
  ['20 KB of headers', request('GET /', `x-big: ${'a'.repeat(20_000)}\r\n`), [431]],
  ['15 KB of headers', request('GET /', `x-big: ${'a'.repeat(15_000)}\r\n`), [200]],
  ['a method that does not exist', request('BREW /'), [400]],
  ['a method that nobody has', request('PROPFIND /'), [404]],
  ['OPTIONS *', request('OPTIONS *'), [404]],
  ['POST /', request('POST /', 'content-length: 2\r\n', '{}'), [404]],
  ['a path of //', request('GET //'), [200, 404]],
  ['a path of %00', request('GET /%00'), [404]],
  ['a path of %', request('GET /%'), [400, 404]],
  ['a path that climbs', request('GET /../../etc/passwd'), [404]],
  ['another host in the request line', request('GET http://elsewhere.example/'), [200, 404]],
  ['a garbage Forwarded header', request('GET /', 'forwarded: ;;="\\;\r\n'), [200]],
  ['no URL', request('GET'), [400]],
  ['a URL without a path', request('GET http://'), [400]],
  ['an URL of 10,000 characters', request(`GET /${'a'.repeat(10_000)}`), [404]],
  ['CR and LF in the query', request('GET /?failure_pct=1%0d%0aset-cookie:x'), [400]],
  ['a bare LF in a header', request('GET /', 'x-a: b\nx-c: d\r\n'), [200, 400]],
  ['a NUL in a header', request('GET /', 'x-a: b\0c\r\n'), [400]],
  ['a second Content-Length', request('GET /', 'content-length: 1\r\ncontent-length: 2\r\n', 'x'), [400]],
  ['a body of 1 MB', request('GET /', `content-length: ${1 << 20}\r\n`, 'x'.repeat(1 << 20)), [200]],
  ['no HTTP at all', '\x16\x03\x01 hello\r\n\r\n', [400]],
] as const) {
  test(`${what}: the status is ${statuses.join(' or ')}, and no line or markup is injected`, async () => {
    const response = await send(bytes);
    const status = Number(response.match(/^HTTP\/1\.1 (\d+)/)?.[1]);
    assert.ok((statuses as readonly number[]).includes(status), response.slice(0, 200));
    assert.doesNotMatch(response, /^set-cookie|<html/im);
    assert.equal((await fetch(`${demo.url}/health`)).status, 200);
  });
}

test('all of that left only lines of JSON in the log, and nothing on stderr', () => {
  for (const { text } of [demo.service1, demo.service2, demo.service3]) {
    assert.equal(text.stderr, '');
    for (const line of text.stdout.trim().split('\n')) assert.equal(typeof JSON.parse(line).msg, 'string');
  }
});

test('a URL without a path has a line in the log', () => {
  const lines = linesOf(demo.service1).filter(({ msg }) => msg === 'GET 400: the URL has no path');
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.status, 400);
});

test('500 connections, of which 400 send nothing: the others get a response', async () => {
  const idle = await Promise.all(Array.from({ length: 400 }, open));
  const responses = await Promise.all(Array.from({ length: 100 }, () => send(request('GET /'))));
  assert.equal(responses.filter((response) => response.startsWith('HTTP/1.1 200')).length, 100);
  for (const socket of idle) socket.destroy();
});

test('of 3,000 pipelined requests on a connection, 1,000 are handled, and the others get a 503', async () => {
  const get = (headers = '') => `GET /health HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
  const response = await sendTo(demo.service3.url, get().repeat(2999) + get('Connection: close\r\n'));
  const count = (status: number) => response.match(RegExp(`HTTP/1.1 ${status}`, 'g'))?.length;
  assert.deepEqual([count(200), count(503)], [1000, 2000]);
});

for (const host of [
  'Host: x:abc',
  'Host: x:99999',
  'Host: x:1e9',
  'Host: x\r\nX-Forwarded-Host: x:abc',
  'Host: x\r\nForwarded: host="x:abc"',
]) {
  test(`${JSON.stringify(host)}: the span has no invalid server.port`, async () => {
    const traceId = hex(32);
    await send(`GET / HTTP/1.1\r\n${host}\r\nb3: ${traceId}-${hex(16)}-1\r\nConnection: close\r\n\r\n`);
    const spans = await traceOf(viewer, traceId, goodSpans);
    const { tags } = spans.find(({ tags }) => tags?.user_headers) ?? {};
    assert.equal(tags?.['server.address'], 'x');
    assert.equal(tags?.['server.port'], undefined);
  });
}

test('a caller that never ends its headers delays neither other responses nor the exit', async () => {
  const socket = await open();
  socket.on('error', () => {}).write('GET / HTTP/1.1\r\nx-slow: ');
  const drip = setInterval(() => socket.write('a'), 100);
  assert.equal((await fetch(demo.url)).status, 200);
  demo.service1.signal('SIGTERM');
  assert.equal(await unlessItHangs(demo.service1.exit), 0);
  clearInterval(drip);
  await until('the log', () => linesOf(demo.service1).length > 0);
});

async function json(url: string, headers: Record<string, string> = {}): Promise<[number, unknown]> {
  const response = await fetch(url, { headers });
  return [response.status, await response.json()];
}
