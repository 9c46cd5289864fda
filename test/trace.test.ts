import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import {
  type Backend,
  JAEGER_OTLP_URL,
  JAEGER_URL,
  JAEGER_ZIPKIN_URL,
  startViewer,
  ZIPKIN_URL,
  zipkinAt,
} from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { b3, get, hex } from './support/http.ts';
import { jaegerAt } from './support/jaeger.ts';
import { linesOf } from './support/log-lines.ts';
import { startRecorder } from './support/recorder.ts';
import { closedUrl, serve } from './support/servers.ts';
import { startDemo, startService } from './support/services.ts';
import { noJaeger, noZipkin } from './support/skip.ts';
import { draw, failedSpans, failedTrace, goodSpans, goodTrace, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const viewer = disposeAfterTests(await startViewer());

const backends: { name: string; skip?: string | false; backend: Backend }[] = [
  { name: 'the viewer', backend: viewer },
  { name: 'real Zipkin', skip: noZipkin(), backend: zipkinAt(`${ZIPKIN_URL}`) },
  {
    name: 'real Jaeger, over OTLP',
    skip: noJaeger(),
    backend: jaegerAt(JAEGER_URL, {
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: `${JAEGER_OTLP_URL}`,
    }),
  },
  {
    name: "real Jaeger, in Zipkin's format",
    skip: noJaeger(),
    backend: jaegerAt(JAEGER_URL, { OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${JAEGER_ZIPKIN_URL}/api/v2/spans` }),
  },
];

for (const { name, skip = false, backend } of backends) {
  suite(`in ${name}`, { skip }, () => {
    let demo: Awaited<ReturnType<typeof startDemo>>;
    before(async () => {
      demo = await startDemo(backend, { LOG_LEVEL: 'trace' });
    });
    after(() => demo[Symbol.asyncDispose]());

    test('a good request is a trace of 12 spans, with the redacted headers on the first', async () => {
      const { status, body } = await get(demo.url, { cookie: 'session=s3cret', 'accept-language': 'en' });
      assert.equal(status, 200);
      const spans = await traceOf(backend, `${body.trace_id}`, goodSpans);

      assert.equal(draw(spans), goodTrace);
      const userHeaders = spans.flatMap((span) => span.tags?.user_headers ?? []);
      assert.equal(userHeaders.length, 1, 'one span has user_headers');
      assert.equal(spans.find((span) => !span.parentId)?.tags?.user_headers, userHeaders[0]);
      const { cookie, 'accept-language': language } = JSON.parse(`${userHeaders[0]}`);
      assert.deepEqual({ cookie, language }, { cookie: 'REDACTED', language: 'en' });
      assert.doesNotMatch(JSON.stringify(spans), /s3cret/);
    });

    test('a failed request is a trace of 9 spans, red from the exception up to the call that got a 500', async () => {
      const { status, body } = await get(`${demo.url}/?failure_pct=100`);
      assert.equal(status, 200);
      assert.deepEqual(body.response_codes, { service2: 500, service3: 200 });

      assert.equal(draw(await traceOf(backend, `${body.trace_id}`, failedSpans)), failedTrace);
    });

    test('a caller’s trace is continued by all services; a query string changes neither the name nor the route of a span', async () => {
      const [traceId, spanId] = [hex(32), hex(16)];
      await get(`${demo.url}/?a=b`, b3(traceId, spanId));
      const spans = await traceOf(backend, traceId, goodSpans);
      assert.equal(draw(spans), goodTrace);
      assert.equal(spans.find(({ tags }) => tags?.user_headers)?.parentId, spanId);
    });

    test('a CLIENT span has its method and URL once, and no empty query', async () => {
      const { body } = await get(demo.url);
      const client = (await traceOf(backend, `${body.trace_id}`, goodSpans)).find(({ kind }) => kind === 'CLIENT');
      const names = Object.keys(client?.tags ?? {}).filter((name) => /^(http\.request|url)\./.test(name));
      assert.deepEqual(names.sort(), ['http.request.method', 'url.full', 'url.path', 'url.scheme']);
    });

    test('a line per request, in JSON: service, method, route, status, milliseconds, and the ids of its span', async () => {
      const { body } = await get(`${demo.url}/?password=s3cret`, { authorization: 'Bearer s3cret' });
      const spans = await traceOf(backend, `${body.trace_id}`, goodSpans);
      for (const [name, requests] of [
        ['service1', 1],
        ['service2', 1],
        ['service3', 2],
      ] as const) {
        const lines = await until(`the lines of ${name}`, () => {
          const found = linesOf(demo[name]).filter((line) => line.trace_id === body.trace_id);
          return found.length === requests && found;
        });
        for (const { time, ms, span_id, ...line } of lines) {
          assert.ok(Number.isInteger(ms) && !Number.isNaN(Date.parse(`${time}`)));
          const server = spans.find((span) => span.id === span_id);
          assert.deepEqual([server?.kind, server?.localEndpoint?.serviceName], ['SERVER', name]);
          assert.deepEqual(line, {
            level: 'info',
            service: name,
            method: 'GET',
            route: '/',
            status: 200,
            msg: 'GET / 200',
            trace_id: body.trace_id,
            trace_flags: '01',
          });
        }
        assert.doesNotMatch(demo[name].text.stdout, /s3cret/);
      }
    });

    test('the ids in service2’s error line are those of its span', async () => {
      const { body } = await get(`${demo.url}/?failure_pct=100`);
      const line = await until('the error line', () =>
        linesOf(demo.service2).find(({ level, trace_id }) => level === 'error' && trace_id === body.trace_id),
      );
      assert.equal(line.msg, 'Intentional 100% failure');
      const spans = await traceOf(backend, `${body.trace_id}`, failedSpans);
      assert.equal(spans.find((span) => span.id === line.span_id)?.localEndpoint?.serviceName, 'service2');
    });
  });
}

suite('the dependency graph of real Zipkin', { skip: noZipkin() }, () => {
  const zipkin = zipkinAt(`${ZIPKIN_URL}`);
  type Link = { parent: string; child: string; callCount: number; errorCount?: number };

  async function links(): Promise<Map<string, { calls: number; errors: number }>> {
    const response = await fetch(`${ZIPKIN_URL}/api/v2/dependencies?endTs=${Date.now()}&lookback=3600000`);
    const all = (await response.json()) as Link[];
    return new Map(
      all.map(({ parent, child, callCount, errorCount = 0 }) => [
        `${parent} → ${child}`,
        { calls: callCount, errors: errorCount },
      ]),
    );
  }

  /** The links that grow by a request to a demo with `env`, of which `spans` spans arrive. */
  async function grownBy(env: Record<string, string>, spans: number) {
    await using demo = await startDemo(zipkin, env);
    const before = await links();
    const { body } = await get(demo.url);
    await traceOf(zipkin, `${body.trace_id}`, spans);
    return until('the links', async () => {
      const grown: Record<string, { calls: number; errors: number }> = {};
      for (const [name, { calls, errors }] of await links()) {
        const old = before.get(name) ?? { calls: 0, errors: 0 };
        if (calls > old.calls) grown[name] = { calls: calls - old.calls, errors: errors - old.errors };
      }
      return grown['service1 → service3'] && grown;
    });
  }

  test('has the calls, and the errors on service1 → service2', async () => {
    assert.deepEqual(await grownBy({ INTENTIONAL_FAILURE_PCT: '100' }, failedSpans), {
      'service1 → service2': { calls: 1, errors: 1 },
      'service1 → service3': { calls: 1, errors: 0 },
    });
  });

  test('has the call to a service that is down, by its name', async () => {
    const spans = goodSpans - 5; // without those of service2 and of its call
    assert.deepEqual(await grownBy({ SERVICE2_URL: closedUrl().replace('127.0.0.1', 'localhost') }, spans), {
      'service1 → localhost': { calls: 1, errors: 1 },
      'service1 → service3': { calls: 1, errors: 0 },
    });
  });

  test('has no address', async () => {
    const spans = goodSpans - 5;
    assert.deepEqual(await grownBy({ SERVICE2_URL: closedUrl() }, spans), {
      'service1 → service3': { calls: 1, errors: 0 },
    });
  });
});

test('the viewer returns the same spans as real Zipkin', { skip: noZipkin() }, async () => {
  const zipkin = zipkinAt(`${ZIPKIN_URL}`);
  await using recorder = await startRecorder();
  await using demo = await startDemo(recorder, { INTENTIONAL_FAILURE_PCT: '100' });
  const { body } = await get(demo.url);
  await until('9 spans', () => recorder.spans.length === failedSpans);
  for (const { url } of [viewer, zipkin]) {
    const headers = { 'content-type': 'application/json' };
    const spans = JSON.stringify(recorder.spans);
    const response = await fetch(`${url}/api/v2/spans`, { method: 'POST', headers, body: spans });
    assert.equal(response.status, 202);
  }
  const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
  const [inViewer, inZipkin] = await Promise.all(
    [viewer, zipkin].map((backend) => traceOf(backend, `${body.trace_id}`, failedSpans)),
  );
  assert.deepEqual(inViewer?.sort(byId), inZipkin?.sort(byId));
});

test('if the caller disconnects, its SERVER span is red and has the reason', async () => {
  const waiting: ServerResponse[] = [];
  await using downstream = await serve((_req, res) => void waiting.push(res));
  const urls = { SERVICE2_URL: downstream.url, SERVICE3_URL: downstream.url };
  await using service1 = await startService('service1', { ...viewer.env, ...urls });
  const traceId = hex(32);
  const caller = new AbortController();
  const headers = b3(traceId);
  const response = fetch(service1.url, { signal: caller.signal, headers });
  await until('the call to service2', () => waiting.length === 1);
  caller.abort();
  await assert.rejects(response);
  await until('service1 to notice', () => linesOf(service1).some(({ status }) => status === 499));
  waiting[0]?.end();
  await until('the call to service3', () => waiting.length === 2);
  waiting[1]?.end();
  assert.match(draw(await traceOf(viewer, traceId, 5)), /^SERVER service1 .*error=client_disconnected/);
});
