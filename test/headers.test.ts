import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redactHeaders } from '../src/services/redact-headers.ts';

test('harmless headers keep their value', () => {
  const harmless = { accept: '*/*', host: 'localhost:5001', 'user-agent': 'curl/8', b3: '0', 'x-b3-traceid': 'abc' };
  assert.deepEqual(redactHeaders(harmless), harmless);
});

test('headers that often hold secrets keep their name, not their value', () => {
  for (const name of ['authorization', 'cookie', 'proxy-authorization', 'set-cookie', 'x-api-key', 'referer']) {
    assert.deepEqual(redactHeaders({ [name]: 's3cret' }), { [name]: 'REDACTED' });
  }
});

test('any other header keeps its name, not its value', () => {
  const unknown = fc.oneof(
    fc.string().map((name) => `x-${name}`),
    fc.string({ unit: 'binary' }).map((name) => `\0${name}`),
    fc.constantFrom('', 'x-b30', 'x-b3', 'Accept', '__proto__', 'constructor'),
  );
  fc.assert(
    fc.property(fc.dictionary(unknown, fc.string()), (headers) => {
      const redacted = redactHeaders(headers);
      assert.deepEqual(Object.keys(redacted), Object.keys(headers));
      for (const value of Object.values(redacted)) assert.equal(value, 'REDACTED');
    }),
  );
});

test('a long value is cut, so that the attribute stays short', () => {
  assert.deepEqual(redactHeaders({ 'user-agent': 'x'.repeat(15_000) }), { 'user-agent': `${'x'.repeat(256)}…` });
});
