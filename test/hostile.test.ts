import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { hex } from './support/http.ts';
import { linesOf } from './support/log-lines.ts';
import { send as sendTo } from './support/raw.ts';
import { startSharedDemo } from './support/services.ts';
import { goodSpans, traceOf } from './support/trace.ts';
import { unlessItHangs, until } from './support/wait.ts';

const { viewer, demo } = await startSharedDemo();

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
