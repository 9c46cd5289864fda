import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { redactHeaders } from '../src/services/redact-headers.ts';
import { redactQuery } from '../src/telemetry/redact-query.ts';
import { startApp } from './support/app.ts';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { b3, get, hex } from './support/http.ts';
import { send } from './support/raw.ts';
import { startRecorder } from './support/recorder.ts';
import { closedUrl } from './support/servers.ts';
import { startDemo, startService } from './support/services.ts';
import { failedSpans, goodSpans, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const secret = 's3cret';
const headers = Object.fromEntries(
  [
    'Authorization',
    'Cookie',
    'Proxy-Authorization',
    'Set-Cookie',
    'X-Api-Key',
    'X-Auth-Token',
    'X-My-Secret',
    'Password',
    'Origin',
  ].map((name) => [name, secret]),
);

const calls = [
  ["fetch('http://127.0.0.1:2/path?token=s3cret&sig=s3cret')", 'http://127.0.0.1:2/path'],
  ["http.get('http://127.0.0.1:2/path?token=s3cret')", 'http://127.0.0.1:2/path'],
  ["http.get({ host: '127.0.0.1', port: 2, path: '/path?token=s3cret' })", 'http://127.0.0.1:2/path'],
  ["http.get('http://ann:s3cret@127.0.0.1:2/path?token=s3cret')", 'http://REDACTED:REDACTED@127.0.0.1:2/path'],
] as const;
const viewer = disposeAfterTests(await startViewer());
const app = disposeAfterTests(
  await startApp(
    viewer.env,
    `import http from 'node:http';
     import express from 'express';
     const failed = (call) => call.catch ? call.catch(() => {}) : new Promise((resolve) => call.on('error', resolve));
     const calls = [${calls.map(([call]) => `() => ${call}`)}];
     const app = express();
     app.get('/', (req, res) => void res.end());
     app.get('/calls/:index', async (req, res) => { await failed(calls[req.params.index]()); res.end(); });`,
  ),
);

test('no secret of a request leaves the process, as OTLP or in Zipkin’s format, nor is it logged', async () => {
  await using recorder = await startRecorder();
  const logAll = { LOG_LEVEL: 'trace', OTEL_LOG_LEVEL: 'verbose' };
  await using demo = await startDemo(recorder, logAll, { service1: recorder.otlp }); // the others: Zipkin
  for (const url of [demo.url, demo.service2.url, demo.service3.url, `${demo.url}/elsewhere`]) {
    for (const pct of ['0', '100']) {
      await get(`${url}?password=${secret}&sig=${secret}`, {
        ...headers,
        referer: `http://localhost/?password=${secret}`,
        baggage: `user=${secret},failure_pct=${pct}`,
        tracestate: `a=${secret}`,
      });
    }
  }
  const asBrowser = { ...headers, accept: 'text/html' };
  const page = await (await fetch(`${demo.url}/?password=${secret}`, { headers: asBrowser })).text();
  await until('the spans', () => recorder.spans.length >= goodSpans + failedSpans + 1);
  const services = [demo.service1, demo.service2, demo.service3];
  for (const service of services) service.signal('SIGTERM');
  await Promise.all(services.map(({ exit }) => exit));
  for (const present of ['user_headers', 'Intentional 100% failure']) assert.ok(recorder.bytes().includes(present));
  const all = { bytes: recorder.bytes(), page, logs: services.map(({ text }) => text.stdout + text.stderr).join() };
  for (const [where, text] of Object.entries(all)) {
    assert.equal(
      text.includes(secret),
      false,
      `in ${where}: …${text.slice(Math.max(0, text.indexOf(secret) - 200), text.indexOf(secret) + 20)}`,
    );
  }
});

for (const [index, [call, expected]] of calls.entries()) {
  test(`the query of a call is not on its CLIENT span: ${call}`, async () => {
    const traceId = hex(32);
    await fetch(`${app.url}/calls/${index}`, { headers: b3(traceId) });
    const spans = await traceOf(viewer, traceId, 2);
    const { 'url.full': full, 'url.query': query } = spans.find(({ kind }) => kind === 'CLIENT')?.tags ?? {};
    const names = call.includes('sig=') ? 'token=REDACTED&sig=REDACTED' : 'token=REDACTED';
    assert.deepEqual({ full, query }, { full: expected, query: names });
    assert.equal(JSON.stringify(spans).includes(secret), false);
  });
}

test('url.query has the names of parameters; a query with anything that is unusual is redacted as a whole', () => {
  for (const [query, expected] of [
    ['failure_pct=100&parallel=1', 'failure_pct=REDACTED&parallel=REDACTED'],
    ['a=1?b=2', 'a=REDACTED'],
    ['a=', 'a=REDACTED'],
    [Array(10).fill('a=1').join('&'), Array(10).fill('a=REDACTED').join('&')],
    [Array(11).fill('a=1').join('&'), 'REDACTED'],
    [`${'a'.repeat(32)}=1`, `${'a'.repeat(32)}=REDACTED`],
    [`${'a'.repeat(33)}=1`, 'REDACTED'],
    ['', 'REDACTED'],
    ['s3cret', 'REDACTED'],
    ['a=1&s3cret', 'REDACTED'],
    ['1234=a', 'REDACTED'],
    ['a=1&', 'REDACTED'],
    ['Token=a', 'REDACTED'],
    ['a%20b=1', 'REDACTED'],
  ]) {
    assert.deepEqual(redactQuery(`/path?${query}`), { 'url.query': expected });
  }
  assert.deepEqual(redactQuery('/path'), {});
});

test('X-Forwarded-* sets client.address and server.address, as the conventions ask, and no other attribute', async () => {
  const traceId = hex(32);
  const forwarded = {
    'x-forwarded-for': 'client.test',
    'x-forwarded-host': 'host.test:81',
    'x-forwarded-proto': 'https',
  };
  await fetch(app.url, { headers: { ...forwarded, ...b3(traceId) } });
  const [{ tags = {} } = {}] = await traceOf(viewer, traceId, 1);
  const taken = Object.keys(tags).filter((name) => /\.test|^81$/.test(`${tags[name]}`));
  assert.deepEqual(taken.sort(), ['client.address', 'server.address', 'server.port']);
  assert.equal(tags['network.peer.address'], '127.0.0.1');
});

for (const exporter of ['zipkin', 'otlp']) {
  test(`no log line, at any log level, has the query of a malformed URL, nor user info and query of a backend's URL (${exporter})`, async () => {
    const { host } = new URL(closedUrl());
    const endpoint = `http://user:${secret}@${host}/v1?Api-Key=${secret}`;
    await using service3 = await startService('service3', {
      OTEL_TRACES_EXPORTER: exporter,
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
      OTEL_EXPORTER_ZIPKIN_TIMEOUT: '100',
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      OTEL_LOG_LEVEL: 'all',
      LOG_LEVEL: 'trace',
      SERVICE3_SLEEP_MS: '0',
    });
    for (const head of ['GET /?p=s3cret HTTP/1.1\r\nHost: [x', 'GET //?p=s3cret HTTP/1.1\r\nHost: x:99999999'])
      await send(service3.url, `${head}\r\nConnection: close\r\n\r\n`);
    await get(service3.url);
    await until('the line', () => service3.text.stdout.includes(`can't send spans to http://${host}/v1: `));
    service3.signal('SIGTERM');
    await service3.exit;
    assert.match(service3.text.stdout, /Unable to get URL from request/);
    assert.equal((service3.text.stdout + service3.text.stderr).includes(secret), false);
  });
}

for (const url of [
  `http://user:${secret}@`,
  `http://user:a/${secret}@host/`,
  `http://user:a?${secret}@host/`,
  `http://user:a#${secret}@host/`,
  `http://user:a@${secret}@host/`,
  `http://user:a\n${secret}@host/`,
  `user:${secret}@host`,
  `http:/user:${secret}@host`,
  `ftp://host/?Api-Key=${secret}`,
  `ftp://host/?a\n=${secret}`,
  `ftp://host/#${secret}`,
]) {
  test(`the message about an invalid URL does not show its user info or query: ${JSON.stringify(url.replaceAll(secret, '…'))}`, () => {
    for (const name of ['SERVICE2_URL', 'OTEL_EXPORTER_ZIPKIN_ENDPOINT', 'TRACE_UI_URL']) {
      try {
        parseConfig({ SERVICE_NAME: 'service1', [name]: url });
      } catch (error) {
        assert.ok(`${error}`.includes(`${name}=`), `${error}`);
        assert.equal(`${error}`.includes(secret), false, `${error}`);
      }
    }
    assert.throws(() => parseConfig({ SERVICE_NAME: 'service1', SERVICE2_URL: url }));
  });
}

test('user_headers: harmless headers keep their value', () => {
  const harmless = { accept: '*/*', host: 'localhost:5001', 'user-agent': 'curl/8', b3: '0', 'x-b3-traceid': 'abc' };
  assert.deepEqual(redactHeaders(harmless), harmless);
});

test('user_headers: headers that often hold secrets keep their name, not their value', () => {
  for (const name of ['authorization', 'cookie', 'proxy-authorization', 'set-cookie', 'x-api-key', 'referer']) {
    assert.deepEqual(redactHeaders({ [name]: 's3cret' }), { [name]: 'REDACTED' });
  }
});

test('user_headers: a long value is cut, so that the attribute stays short', () => {
  assert.deepEqual(redactHeaders({ 'user-agent': 'x'.repeat(15_000) }), { 'user-agent': `${'x'.repeat(256)}…` });
});
