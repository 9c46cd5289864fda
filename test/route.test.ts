import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from './support/app.ts';
import { startViewer } from './support/backends.ts';
import { disposeAfterTests } from './support/dispose-after-tests.ts';
import { b3, hex } from './support/http.ts';
import { startService } from './support/services.ts';
import { traceOf } from './support/trace.ts';

const viewer = disposeAfterTests(await startViewer());
const service3 = disposeAfterTests(await startService('service3', { ...viewer.env, SERVICE3_SLEEP_MS: '0' }));
const app = disposeAfterTests(
  await startApp(
    viewer.env,
    `import express, { Router } from 'express';
     const ok = (req, res) => void res.end();
     const fail = () => { throw new Error('no'); };
     const router = () => Router().get('/', ok).get('/list', ok).get('/item/:id', ok).get('/fail/:id', fail);
     const mounted = () => express().get('/', ok).get('/settings', ok).get('/:id', ok).get('/fail/x', fail).use('/deep', router());
     const app = express();
     app.get('/files/*path', ok).get(/^.regex.(.+)/, ok).get(['/one', '/two'], ok);
     app.use('/api', router()).use('/of/:owner', router());
     const passing = () => Router().use((req, res, next) => next()).get('/other', ok);
     app.use('/v1', passing()).use('/v1', router()).use('/v1', passing());
     app.use('/v2/:x', passing()).use('/v2/:y', Router().use('/deep', passing()).use('/deep', router()));
     app.get('/late/:id', (req, res, next) => next(new Error('no'))).use('/late', passing());
     app.get('/all/{*splat}', ok).get('/v:major/plan', ok);
     app.use('/shop', mounted()).use('/u/:name', mounted()).use(['/a/:x', '/b'], mounted());`,
  ),
);

async function spanOf(url: string, method = 'GET') {
  const traceId = hex(32);
  await fetch(url, { method, headers: b3(traceId) });
  const [span] = (await traceOf(viewer, traceId, url.startsWith(service3.url) && method === 'GET' ? 2 : 1)).filter(
    ({ kind }) => kind === 'SERVER',
  );
  return { name: span?.name, route: span?.tags?.['http.route'] };
}

for (const [path, route] of [
  ['/api/list?a=b', '/api/list'],
  ['/api', '/api'],
  ['/api?a=b', '/api'],
  ['/API/List', '/api/list'],
  ['/api/item/alice@example.com', '/api/item/:id'],
  ['/API/Item/7?a=b', '/api/item/:id'],
  ['/api/fail/7?a=b', '/api/fail/:id'],
  ['/of/alice/list', '/of/:owner/list'],
  ['/Of/alice/List', '/of/:owner/list'],
  ['/files/secret/plan', '/files/*path'],
  ['/one', '/one,/two'],
  ['/v1/list', '/v1/list'],
  ['/v1/item/7?a=b', '/v1/item/:id'],
  ['/v1/fail/7', '/v1/fail/:id'],
  ['/v1/other', '/v1/other'],
  ['/v2/alice/deep/list', '/v2/:y/deep/list'],
  ['/v2/alice/deep/fail/7', '/v2/:y/deep/fail/:id'],
  ['/v2/alice/other', '/v2/:x/other'],
  ['/late/7', '/late/:id'],
  ['/all/of/these', '/all/{*splat}'],
  ['/v3/plan', '/v:major/plan'],
  ['/shop/settings?a=b', '/shop/settings'],
  ['/shop/', '/shop'],
  ['/shop/deep/list', '/shop/deep/list'],
  ['/u/alice@example.com/settings', '/u/:name/settings'],
  ['/U/alice@example.com/Settings', '/u/:name/settings'],
  ['/u/alice@example.com', '/u/:name'],
  ['/u/alice@example.com/bob', '/u/:name/:id'],
  ['/u/alice@example.com/deep/item/bob', '/u/:name/deep/item/:id'],
] as const) {
  test(`http.route of ${path} is ${route}`, async () => {
    assert.deepEqual(await spanOf(app.url + path), { name: `get ${route}`, route });
  });
}

test('http.route of a catch-all for every path is its pattern', async () => {
  await using all = await startApp(
    viewer.env,
    `import express from 'express';
     const app = express();
     app.all('/{*splat}', (req, res) => void res.end());`,
  );
  assert.deepEqual(await spanOf(`${all.url}/a/b`), { name: 'get /{*splat}', route: '/{*splat}' });
  assert.deepEqual(await spanOf(`${all.url}/?a=b`), { name: 'get /{*splat}', route: '/{*splat}' });
});

for (const path of [
  '/a/alice/settings',
  '/b/settings',
  '/u/alice/fail/x',
  '/api/nothing',
  '/v1/nothing',
  '/u/alice/no/thing',
]) {
  test(`${path} has no http.route: the whole pattern is not known, or none matches`, async () => {
    assert.deepEqual(await spanOf(app.url + path), { name: 'get', route: undefined });
  });
}

for (const [method, path, name, route] of [
  ['GET', '/', 'get /', '/'],
  ['GET', '/?a=b', 'get /', '/'],
  ['POST', '/', 'post', undefined],
  ['DELETE', '/elsewhere', 'delete', undefined],
] as const) {
  test(`the demo: ${method} ${path} is the span "${name}"`, async () => {
    assert.deepEqual(await spanOf(service3.url + path, method), { name, route });
  });
}
