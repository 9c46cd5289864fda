import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactHeaders } from '../src/tracing/redact-headers.ts';

test('only the headers on the allow-list show their value, the others show that they were there', () => {
  const shown = {
    accept: '*/*',
    'accept-encoding': 'gzip',
    'accept-language': 'en',
    'cache-control': 'no-cache',
    connection: 'keep-alive',
    'content-length': '3',
    'content-type': 'text/plain',
    host: 'localhost:5001',
    'user-agent': 'curl/8',
    b3: '0',
    'x-b3-traceid': 'abc',
    'x-b3-flags': '1',
  };
  const hidden = ['authorization', 'cookie', 'proxy-authorization', 'set-cookie', 'x-api-key', 'referer', 'x-b30'];
  assert.deepEqual(redactHeaders({ ...shown, ...Object.fromEntries(hidden.map((name) => [name, 's3cret'])) }), {
    ...shown,
    ...Object.fromEntries(hidden.map((name) => [name, '[redacted]'])),
  });
});
