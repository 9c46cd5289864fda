import assert from 'node:assert/strict';
import { request } from 'node:http';
import { suite, test } from 'node:test';
import { startViewer, ZIPKIN_URL, zipkinAt } from './support/backends.ts';
import { hex } from './support/http.ts';
import { noZipkin } from './support/skip.ts';
import { zipkinSpan as span } from './support/spans.ts';
import { until } from './support/wait.ts';

const read = async (url: string) => (await fetch(url)).json() as Promise<unknown>;
const traceIdOf = (i: number) => `${i + 1}`.padStart(16, '0');

test('takes spans and returns them by trace, in lower case, as Zipkin does', async () => {
  await using viewer = await startViewer();
  const one = span({ traceId: 'ab12', id: '1', localEndpoint: { serviceName: 'Shop' } });
  assert.equal((await viewer.post([one])).status, 202);
  const expected = {
    ...one,
    traceId: '000000000000ab12',
    id: '0000000000000001',
    name: 'get /',
    localEndpoint: { serviceName: 'shop' },
  };
  for (const id of ['ab12', '000000000000ab12', 'ab12'.padStart(32, '0')])
    assert.deepEqual(await viewer.trace(id), [expected]);
  assert.equal((await fetch(`${viewer.url}/api/v2/trace/ab13`)).status, 404);
  assert.equal((await fetch(`${viewer.url}/api/v2/trace/XYZ`)).status, 400);
  assert.equal((await fetch(`${viewer.url}/health`)).status, 200);
});

test('a span that an exporter sends twice is kept once', async () => {
  await using viewer = await startViewer();
  const one = span();
  await viewer.post([one]);
  await viewer.post([one]);
  assert.equal((await viewer.trace(one.traceId)).length, 1);
});

test('lists the newest traces first, as many as asked for, of the service asked for', async () => {
  await using viewer = await startViewer();
  await viewer.post(
    Array.from({ length: 12 }, (_, i) => {
      const localEndpoint = { serviceName: i % 2 ? 'odd' : 'even' };
      return span({ traceId: traceIdOf(i), timestamp: 1000 + i, localEndpoint });
    }),
  );
  const ids = async (query: string) =>
    ((await read(`${viewer.url}/api/v2/traces${query}`)) as { traceId: string }[][]).map((trace) =>
      Number(trace[0]?.traceId),
    );
  assert.deepEqual(await ids(''), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  assert.deepEqual(await ids('?limit=2'), [12, 11]);
  assert.deepEqual(await ids('?serviceName=even&limit=3'), [11, 9, 7]);
  for (const limit of ['0', '-1', 'many', '1e3', '1000000']) {
    const response = await fetch(`${viewer.url}/api/v2/traces?limit=${limit}`);
    assert.equal(response.status, 400);
    assert.deepEqual(await response.json(), { error: `limit "${limit}": must be an integer from 1 to 999999` });
  }
  assert.deepEqual(await ids('?serviceName=nobody'), []);
});

const optional = ['parentId', 'kind', 'name', 'timestamp', 'duration', 'shared', 'debug', 'tags', 'annotations'];
const nulls = [...optional, 'localEndpoint', 'remoteEndpoint'].map(
  (name) => [`${name}: null`, { [name]: null }, {}] as const,
);
const namesOfJavaScript = { constructor: 'a', prototype: 'b', ['__proto__']: 'c', toString: 'd' };
/** Fields as they are sent, and as they are kept. */
const odd: (readonly [string, Record<string, unknown>, Record<string, unknown>])[] = [
  ...nulls,
  ['parentId of zeros', { parentId: '0'.repeat(16) }, {}],
  ['an id that is a number', { id: 7 }, { id: '0000000000000007' }],
  ['its own id as parentId', { id: 'ab12ab12ab12ab12', parentId: 'ab12ab12ab12ab12' }, { id: 'ab12ab12ab12ab12' }],
  ['a service without a name', { localEndpoint: { serviceName: '' } }, {}],
  ['tags with names of JavaScript', { tags: namesOfJavaScript }, { tags: namesOfJavaScript }],
  ['an empty name', { name: '' }, {}],
  ['a name that is a number', { name: 1 }, { name: '1' }],
  ['a negative duration', { duration: -5 }, {}],
  ['a duration of 0', { duration: 0 }, {}],
  ['a duration that is a string', { duration: '5' }, { duration: 5 }],
  ['a duration that is a string with an exponent', { duration: '5e1' }, { duration: 50 }],
  ['flags that are false', { shared: false, debug: false }, {}],
  ['a negative timestamp', { timestamp: -5 }, {}],
  ['numeric tags', { tags: { a: 1, b: 1.5 } }, { tags: { a: '1', b: '1.5' } }],
  ['odd annotations', { annotations: [{ timestamp: 0, value: 7 }] }, { annotations: [{ timestamp: 0, value: '7' }] }],
  [
    'nulls in an endpoint',
    { remoteEndpoint: { serviceName: 'db', ipv4: null, ipv6: null, port: null } },
    { remoteEndpoint: { serviceName: 'db' } },
  ],
  ['an endpoint without a valid field', { remoteEndpoint: { ipv4: 'nowhere', port: 0 } }, {}],
  ...(
    [
      ['ipv4', '10.0.0.04', { ipv4: '10.0.0.04' }],
      ['ipv4', '256.1.1.1', {}],
      ['ipv4', '1.2.3', {}],
      ['ipv4', '::1', { ipv6: '::1' }],
      ['ipv6', '10.0.0.1', { ipv4: '10.0.0.1' }],
      ['ipv6', '::FFFF:10.0.0.1', { ipv4: '10.0.0.1' }],
      ['ipv6', '::10.0.0.1', { ipv4: '10.0.0.1' }],
      ['ipv6', '64:ff9b::10.0.0.1', {}],
      ['ipv6', '2001:DB8:0:0:1:0:0:1', { ipv6: '2001:db8::1:0:0:1' }],
      ['ipv6', '::ffff:a00:1', { ipv6: '::ffff:a00:1' }],
      ['ipv6', 'fe80::1%eth0', {}],
      ['ipv6', '[::1]', {}],
    ] as const
  ).map(
    ([name, address, expected]) =>
      [
        `${name}: ${address}`,
        { localEndpoint: { serviceName: 'shop', [name]: address } },
        { localEndpoint: { serviceName: 'shop', ...expected } },
      ] as const,
  ),
  ['a port that is a string', { remoteEndpoint: { port: '80' } }, { remoteEndpoint: { port: 80 } }],
];

async function assertKept({ url, trace }: ReturnType<typeof zipkinAt>, [what, fields, expected]: (typeof odd)[number]) {
  const one = span({ name: 'get', ...fields });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/api/v2/spans`, { method: 'POST', headers, body: JSON.stringify([one]) });
  assert.equal(response.status, 202, await response.text());
  const [stored] = await until('the span', async () => {
    const spans = await trace(one.traceId);
    return spans.length > 0 && spans;
  });
  const unchanged = Object.entries(one).filter(([name]) => !(name in fields));
  assert.deepEqual(stored, { ...Object.fromEntries(unchanged), ...expected }, what);
}

test('odd values are taken as Zipkin takes them', async () => {
  await using viewer = await startViewer();
  for (const each of odd) await assertKept(viewer, each);
});

test('real Zipkin does', { skip: noZipkin() }, async () => {
  for (const each of odd) await assertKept(zipkinAt(`${ZIPKIN_URL}`), each);
});

test('an invalid span is refused with the reason, and nothing of its request is kept', async () => {
  await using viewer = await startViewer();
  const good = span();
  const bad: [unknown, RegExp][] = [
    [{}, /^spans: must be a JSON list of spans$/],
    ['spans', /list of spans/],
    [null, /list of spans/],
    [[null], /^spans\.0: .*Object/],
    [[good, { ...good, traceId: undefined }], /^spans\.1\.traceId: /],
    [[{ ...good, traceId: 'A'.repeat(32) }], /traceId: must be 1 to 32 lower-case hex digits/],
    [[{ ...good, traceId: '0'.repeat(32) }], /traceId/],
    [[{ ...good, traceId: 'a'.repeat(33) }], /traceId/],
    [[{ ...good, id: '../../etc' }], /\.id: must be 1 to 16/],
    [[{ ...good, id: {} }], /\.id/],
    [[{ ...good, parentId: '' }], /parentId/],
    [[{ ...good, traceId: null }], /traceId/],
    [[{ ...good, parentId: 'x' }], /parentId/],
    [[{ ...good, name: {} }], /name/],
    [[{ ...good, kind: 'client' }], /kind/],
    [[{ ...good, kind: 'INTERNAL' }], /kind/],
    [[{ ...good, timestamp: 'now' }], /timestamp/],
    ...[1.5, '', '0x10', 1e30].map((duration): [unknown, RegExp] => [[{ ...good, duration }], /duration/]),
    [[{ ...good, localEndpoint: 'shop' }], /localEndpoint/],
    [[{ ...good, tags: { a: true } }], /tags\.a/],
    [[{ ...good, tags: { a: null } }], /tags\.a/],
    [[{ ...good, tags: ['a'] }], /tags/],
    [[{ ...good, remoteEndpoint: { port: 70_000 } }], /remoteEndpoint\.port/],
    [[{ ...good, shared: 'true' }], /shared/],
    [[{ ...good, annotations: [{ value: 'x' }] }], /annotations\.0\.timestamp/],
    [[{ ...good, annotations: [{ timestamp: 1, value: null }] }], /annotations\.0\.value/],
  ];
  for (const [body, reason] of bad) {
    const response = await viewer.post(body);
    assert.equal(response.status, 400, JSON.stringify(body));
    assert.match(((await response.json()) as { error: string }).error, reason);
  }
  const cut = await fetch(`${viewer.url}/api/v2/spans`, { method: 'POST', body: '[{"traceId"' });
  assert.equal(cut.status, 400);
  assert.deepEqual(await read(`${viewer.url}/api/v2/traces`), []);
});

test('the list of the page gets a summary of each trace instead of its spans', async ({ mock }) => {
  mock.timers.enable({ apis: ['Date'], now: 1e12 });
  await using viewer = await startViewer();
  const list = async () => (await fetch(`${viewer.url}/viewer/traces`)).text();
  const root = span({ name: 'root', localEndpoint: { serviceName: 'shop' } });
  const { traceId, timestamp } = root;
  const tags = { error: 'failed', long: 'x'.repeat(1000) };
  const children = Array.from({ length: 999 }, () =>
    span({ traceId, parentId: root.id, timestamp: timestamp + 1000, tags }),
  );
  await viewer.post([...children, root]);
  mock.timers.tick(1000);
  const summary = { title: 'shop: root', start: timestamp, duration: 6000, services: ['shop', 'unknown service'] };
  assert.deepEqual(JSON.parse(await list()), [{ state: 'complete', traceId, ...summary, spans: 1000, failed: 999 }]);

  // The most that is kept, in the most traces that are listed.
  for (let i = 0; i < 50; i++) {
    await viewer.post(Array.from({ length: 200 }, () => span({ traceId: traceIdOf(i), tags })));
  }
  const { length } = await list();
  assert.ok(length < 10_000, `${length} bytes`);
});

suite('limits', () => {
  test('the newest 10,000 spans are kept', async () => {
    await using viewer = await startViewer();
    for (let i = 0; i < 11_000; i += 1000) {
      await viewer.post(Array.from({ length: 1000 }, (_, j) => span({ traceId: traceIdOf(i + j) })));
    }
    assert.equal(((await read(`${viewer.url}/api/v2/traces?limit=99999`)) as unknown[]).length, 10_000);
    assert.deepEqual(await viewer.trace(traceIdOf(999)), []);
    assert.equal((await viewer.trace(traceIdOf(1000))).length, 1);
  });

  test('at most 64 MB are kept; the oldest spans go first', async () => {
    await using viewer = await startViewer();
    const tags = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`tag${i}`, 'x'.repeat(16_000)]));
    const count = 12; // of 3.2 million characters, which count as two bytes each
    for (let i = 0; i < count; i++) await viewer.post([span({ traceId: traceIdOf(i), timestamp: 1000 + i, tags })]);
    const all = await (await fetch(`${viewer.url}/api/v2/traces?limit=99`)).text();
    const ids = (JSON.parse(all) as { traceId: string }[][]).map(([first]) => Number(first?.traceId));
    assert.ok(all.length > 28e6 && all.length < 32 * 2 ** 20, `${all.length} characters`);
    assert.deepEqual(
      ids,
      Array.from(ids, (_, i) => count - i),
    );
  });

  test('a long text is cut, with a mark; tags and annotations are limited in number', async () => {
    await using viewer = await startViewer();
    const long = 'x'.repeat(50_000);
    const many = Array.from({ length: 300 }, (_, i) => i);
    const one = span({
      name: long,
      tags: { long, ...Object.fromEntries(many.map((i) => [`tag${i}`, 'x'])) },
      annotations: many.map((timestamp) => ({ timestamp, value: long })),
    });
    assert.equal((await viewer.post([one])).status, 202);
    const [{ name = '', tags = {}, annotations = [] } = {}] = await viewer.trace(one.traceId);
    for (const text of [name, tags.long, annotations[0]?.value]) assert.match(`${text}`, /^x{16384} … \(cut\)$/);
    assert.deepEqual([Object.keys(tags).length, annotations.length], [200, 200]);
  });

  test('only the fields of Zipkin’s model are kept: no depth can break the list', async () => {
    await using viewer = await startViewer();
    const one = span({ remoteEndpoint: { serviceName: 'shop', ipv4: '127.0.0.1', port: 80 } });
    const depth = 200_000;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const body = `[${JSON.stringify(one).replace('}', `,"deep":${deep}}`).slice(0, -1)},"deep2":${deep}}]`;
    const response = await fetch(`${viewer.url}/api/v2/spans`, { method: 'POST', body });
    assert.equal(response.status, 202);
    assert.deepEqual(await read(`${viewer.url}/api/v2/traces`), [[{ ...one, name: 'get /' }]]);
  });
});

suite('other web pages', () => {
  /** fetch() does not let a caller set Host. */
  const statusOf = (url: string, method: string, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const body = method === 'POST' ? '[]' : undefined;
      request(url, { method, headers }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end(body);
    });

  test('may not send spans: a foreign Origin is refused', async () => {
    await using viewer = await startViewer();
    const url = `${viewer.url}/api/v2/spans`;
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1', viewer.url.replace('http', 'https')])
      assert.equal(await statusOf(url, 'POST', { origin, 'content-type': 'text/plain' }), 403, origin);
    assert.equal(await statusOf(url, 'POST', { origin: viewer.url }), 202);
    assert.equal(await statusOf(url, 'POST', {}), 202);
  });

  test('may not read traces by DNS rebinding: a Host that is no loopback name or IP address is refused', async () => {
    await using viewer = await startViewer();
    const get = (host: string) => statusOf(`${viewer.url}/api/v2/traces`, 'GET', { host });
    for (const host of [
      'evil.example',
      'evil.example:9411',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'undefined.undefined',
    ])
      assert.equal(await get(host), 403, host);
    for (const host of ['localhost', 'LOCALHOST:9411', 'app.localhost', '127.0.0.1:9411', '192.168.1.7', '[::1]:9411'])
      assert.equal(await get(host), 200, host);
  });

  test('a container may send spans to host.docker.internal; no page has that origin', async () => {
    await using viewer = await startViewer();
    const host = 'host.docker.internal:9411';
    const url = `${viewer.url}/api/v2/spans`;
    assert.equal(await statusOf(url, 'POST', { host }), 202);
    assert.equal(await statusOf(url, 'POST', { host, origin: `http://${host}` }), 403);
    for (const other of ['evil.host.docker.internal', 'host.docker.internal.evil.example'])
      assert.equal(await statusOf(url, 'POST', { host: other }), 403, other);
  });

  test('in GitHub Codespaces the forwarding domain of this codespace is allowed', async () => {
    await using viewer = await startViewer();
    const get = (host: string) => statusOf(viewer.url, 'GET', { host });
    const own = 'blue-sky-9x4p-9411.app.github.dev';
    assert.equal(await get(own), 403);
    Object.assign(process.env, {
      CODESPACE_NAME: 'blue-sky-9x4p',
      GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN: 'app.github.dev',
    });
    try {
      assert.equal(await get(own), 302);
      for (const host of ['other-9411.app.github.dev', 'blue-sky-9x4p-9411.evil.example', `evil.${own}`])
        assert.equal(await get(host), 403, host);
    } finally {
      delete process.env.CODESPACE_NAME;
      delete process.env.GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN;
    }
  });

  test('every response has the headers that protect it', async () => {
    await using viewer = await startViewer();
    for (const path of ['/zipkin/', '/zipkin/traces/1', '/viewer/main.js', '/api/v2/traces']) {
      const { headers } = await fetch(viewer.url + path);
      const policy = `${headers.get('content-security-policy')}`;
      for (const rule of ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
        assert.ok(policy.includes(rule), `${path}: ${policy}`);
      assert.doesNotMatch(policy, /unsafe|https?:|\*/);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.equal(headers.get('referrer-policy'), 'no-referrer');
    }
  });
});

suite('the state of a trace', () => {
  const stateOf = async (url: string, traceId: string) => {
    const [trace] = (await read(`${url}/viewer/traces/${traceId}`)) as { state: string }[];
    return trace?.state;
  };

  test('is "arriving" until nothing has come for two batches, then "complete"', async ({ mock }) => {
    mock.timers.enable({ apis: ['Date'], now: 1e12 });
    await using viewer = await startViewer();
    const root = span();
    await viewer.post([root]);
    assert.equal(await stateOf(viewer.url, root.traceId), 'arriving');
    mock.timers.tick(999);
    await viewer.post([span({ traceId: root.traceId, parentId: root.id })]);
    mock.timers.tick(999);
    assert.equal(await stateOf(viewer.url, root.traceId), 'arriving');
    mock.timers.tick(1);
    assert.equal(await stateOf(viewer.url, root.traceId), 'complete');
  });

  test('is "arriving" as long as a parent is missing, after ten seconds "incomplete"', async ({ mock }) => {
    mock.timers.enable({ apis: ['Date'], now: 1e12 });
    await using viewer = await startViewer();
    const [traceId, parentId] = [hex(32), hex(16)];
    await viewer.post([span({ traceId, parentId })]);
    mock.timers.tick(9999);
    assert.equal(await stateOf(viewer.url, traceId), 'arriving');
    mock.timers.tick(1);
    assert.equal(await stateOf(viewer.url, traceId), 'incomplete');
    await viewer.post([span({ traceId, id: parentId })]);
    mock.timers.tick(1000);
    assert.equal(await stateOf(viewer.url, traceId), 'complete');
  });
});
