import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTextMapGetter, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { B3InjectEncoding } from '@opentelemetry/propagator-b3';
import fc from 'fast-check';
import { ConfigError, parseConfig } from '../src/config/config.ts';
import { redactHeaders } from '../src/services/redact-headers.ts';
import { PatchedB3Propagator } from '../src/telemetry/upstream/propagator-b3/patched-b3-propagator.ts';
import { startViewer } from './support/backends.ts';

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }));

test('B3: any headers give valid lower-case ids or none', () => {
  const id = (digits: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF'), minLength: digits, maxLength: digits });
  const anyId = fc.oneof(
    id(32),
    id(16),
    text,
    text.map((part) => part.padEnd(4000, part)),
  );
  const sampled = fc.oneof(fc.constantFrom('0', '1', 'd', 'true', 'false'), text);
  const value = <T>(arbitrary: fc.Arbitrary<T>) =>
    fc.option(fc.oneof(arbitrary, fc.array(arbitrary, { maxLength: 3 })), { nil: undefined });
  const headers = fc.record({
    b3: value(
      fc.oneof(
        fc.tuple(anyId, id(16), sampled).map((parts) => parts.join('-')),
        sampled,
      ),
    ),
    'x-b3-traceid': value(anyId),
    'x-b3-spanid': value(fc.oneof(id(16), anyId)),
    'x-b3-parentspanid': value(anyId),
    'x-b3-sampled': value(sampled),
    'x-b3-flags': value(sampled),
  });
  let found = 0;
  fc.assert(
    fc.property(headers, (carrier) => {
      const b3 = new PatchedB3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER });
      const context = trace.getSpanContext(b3.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter));
      if (!context) return;
      found++;
      assert.match(context.traceId, /^[0-9a-f]{32}$/);
      assert.match(context.spanId, /^[0-9a-f]{16}$/);
    }),
    { numRuns: 3000 },
  );
  assert.ok(found > 100, `${found} of 3000 had ids`); // the generator reaches valid ones
});

test('user_headers: any header but the harmless ones keeps its name, not its value', () => {
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

test('configuration: any value is within its limits or refused on one line that names the variable', () => {
  const own =
    'HOST PORT SERVICE2_URL SERVICE3_URL INTENTIONAL_FAILURE_PCT SERVICE3_SLEEP_MS DOWNSTREAM_TIMEOUT_MS LOG_LEVEL TRACE_UI_URL';
  const otel =
    'OTEL_TRACES_EXPORTER OTEL_PROPAGATORS OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG OTEL_BSP_SCHEDULE_DELAY OTEL_LOG_LEVEL';
  const names = `${own} ${otel}`.split(' ');
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.oneof(text, fc.integer().map(String), fc.webUrl()), (name, value) => {
      try {
        const config = parseConfig({ SERVICE_NAME: 'service1', [name]: value });
        assert.ok(config.INTENTIONAL_FAILURE_PCT >= 0 && config.INTENTIONAL_FAILURE_PCT <= 100);
        assert.ok(Number.isInteger(config.PORT) && config.PORT <= 65535);
        assert.ok(config.DOWNSTREAM_TIMEOUT_MS >= 1 && config.SERVICE3_SLEEP_MS >= 0);
        for (const url of [config.SERVICE2_URL, config.SERVICE3_URL]) assert.match(new URL(url).protocol, /^https?:$/);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.message, new RegExp(`^${name}=[^\\n]* is not valid: [^\\n]+$`));
      }
    }),
    { numRuns: 5000 },
  );
});

test('the viewer responds to any POST with 202 or 400, and lists only spans with valid ids', async () => {
  await using viewer = await startViewer();
  const id = fc.oneof(fc.constant('abc1'), fc.anything());
  const span = fc.record(
    { traceId: id, id, name: fc.anything(), tags: fc.anything(), timestamp: fc.anything(), annotations: fc.anything() },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    text,
    fc.json(),
    fc.array(span).map((spans) => JSON.stringify(spans) ?? ''),
  );
  await fc.assert(
    fc.asyncProperty(body, async (data) => {
      const response = await fetch(`${viewer.url}/api/v2/spans`, { method: 'POST', body: data });
      assert.ok([202, 400].includes(response.status), `${response.status} for ${data}`);
      await response.text();
    }),
    { numRuns: 500 },
  );
  const traces = await fetch(`${viewer.url}/api/v2/traces?limit=1000`);
  for (const found of ((await traces.json()) as { id: string }[][]).flat()) assert.match(found.id, /^[0-9a-f]{16}$/);
});
