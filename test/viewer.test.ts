import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { openBrowser } from './support/browser.ts';
import { get, hex } from './support/http.ts';
import { startDemo } from './support/services.ts';
import { noChromium } from './support/skip.ts';
import { traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

const span = (fields: object = {}) => ({
  traceId: hex(32),
  id: hex(16),
  name: 'GET /',
  timestamp: 1e15,
  duration: 5000,
  ...fields,
});
const post = (url: string, body: string, type = 'application/json') =>
  fetch(`${url}/api/v2/spans`, { method: 'POST', headers: { 'content-type': type }, body });
const read = async (url: string) => (await fetch(url)).json() as Promise<unknown>;

suite('the viewer’s API', () => {
  test('takes spans and gives them back by trace, in lower case, as Zipkin does', async () => {
    await using viewer = await startViewer();
    const one = span({ traceId: 'ab12', id: '1', localEndpoint: { serviceName: 'Shop' } });
    assert.equal((await post(viewer.url, JSON.stringify([one]))).status, 202);
    const expected = {
      ...one,
      traceId: '000000000000ab12',
      id: '0000000000000001',
      name: 'get /',
      localEndpoint: { serviceName: 'shop' },
    };
    for (const id of ['ab12', '000000000000ab12', 'ab12'.padStart(32, '0')])
      assert.deepEqual(await viewer.trace(id), [expected]);
    assert.deepEqual(await read(`${viewer.url}/api/v2/services`), ['shop']);
    assert.equal((await fetch(`${viewer.url}/api/v2/trace/ab13`)).status, 404);
    assert.equal((await fetch(`${viewer.url}/api/v2/trace/XYZ`)).status, 400);
    assert.equal((await fetch(`${viewer.url}/health`)).status, 200);
  });

  test('lists the newest traces first, as many as asked for, of the service asked for', async () => {
    await using viewer = await startViewer();
    const spans = Array.from({ length: 12 }, (_, i) =>
      span({
        traceId: `${i + 1}`.padStart(16, '0'),
        timestamp: 1000 + i,
        localEndpoint: { serviceName: i % 2 ? 'odd' : 'even' },
      }),
    );
    await post(viewer.url, JSON.stringify(spans));
    const ids = async (query: string) =>
      ((await read(`${viewer.url}/api/v2/traces${query}`)) as { traceId: string }[][]).map((trace) =>
        Number(trace[0]?.traceId),
      );
    assert.deepEqual(await ids(''), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    assert.deepEqual(await ids('?limit=2'), [12, 11]);
    assert.deepEqual(await ids('?serviceName=even&limit=3'), [11, 9, 7]);
    assert.deepEqual(await ids('?serviceName=nobody'), []);
    for (const limit of ['0', '-1', 'abc', '1e3']) {
      assert.equal((await fetch(`${viewer.url}/api/v2/traces?limit=${limit}`)).status, 400, limit);
    }
  });

  test('refuses with a reason what is no list of spans, and stores nothing of it', async () => {
    await using viewer = await startViewer();
    const good = span();
    const bad: [unknown, RegExp][] = [
      [{}, /list of spans/],
      ['spans', /list of spans/],
      [null, /list of spans/],
      [[null], /span 0: must be an object/],
      [[good, { ...good, traceId: undefined }], /span 1: traceId/],
      [[{ ...good, traceId: 'A'.repeat(32) }], /traceId/],
      [[{ ...good, traceId: '0'.repeat(32) }], /traceId/],
      [[{ ...good, traceId: 'a'.repeat(33) }], /traceId/],
      [[{ ...good, id: '../../etc' }], /: id/],
      [[{ ...good, id: 7 }], /: id/],
      [[{ ...good, parentId: 'x' }], /parentId/],
      [[{ ...good, name: {} }], /name/],
      [[{ ...good, kind: 1 }], /kind/],
      [[{ ...good, timestamp: 'now' }], /timestamp/],
      [[{ ...good, duration: -1 }], /duration/],
      [[{ ...good, localEndpoint: 'shop' }], /localEndpoint/],
      [[{ ...good, tags: { a: 1 } }], /tags/],
      [[{ ...good, annotations: [{ value: 'x' }] }], /annotations/],
    ];
    for (const [body, reason] of bad) {
      const response = await post(viewer.url, JSON.stringify(body));
      assert.equal(response.status, 400, JSON.stringify(body));
      assert.match(((await response.json()) as { error: string }).error, reason);
    }
    assert.equal((await post(viewer.url, '[{"traceId"')).status, 400);
    assert.deepEqual(await read(`${viewer.url}/api/v2/traces`), []);
  });

  test('keeps the newest 10,000 spans', async () => {
    await using viewer = await startViewer();
    const traceId = (i: number) => `${i + 1}`.padStart(16, '0');
    for (let i = 0; i < 11_000; i += 1000) {
      await post(viewer.url, JSON.stringify(Array.from({ length: 1000 }, (_, j) => span({ traceId: traceId(i + j) }))));
    }
    assert.equal(((await read(`${viewer.url}/api/v2/traces?limit=99999`)) as unknown[]).length, 10_000);
    assert.deepEqual(await viewer.trace(traceId(999)), []);
    assert.equal((await viewer.trace(traceId(1000))).length, 1);
  });
});

suite('the viewer’s pages, in a browser', { skip: noChromium() }, () => {
  test('a failed request: the list shows it as failed, the waterfall shows where, a click shows why', async () => {
    await using viewer = await startViewer();
    await using demo = await startDemo(viewer, { INTENTIONAL_FAILURE_PCT: '100', SERVICE3_SLEEP_MS: '50' });
    await using browser = await openBrowser();
    const { page, problems } = browser;
    await page.goto(`${viewer.url}/zipkin/`);
    await page.getByText('No trace yet').waitFor();

    const { body } = await get(demo.url);
    await traceOf(viewer, `${body.trace_id}`, 9);
    await page.getByRole('cell', { name: 'failed (3 spans)' }).waitFor(); // the list refreshes by itself
    await page.getByRole('link', { name: 'service1: get /' }).click();
    await page.waitForURL(`**/zipkin/traces/${body.trace_id}`);

    const rows = page.locator('summary');
    await until('9 bars', async () => (await rows.count()) === 9);
    const names = await rows.locator('.name').allInnerTexts();
    assert.match(`${names[4]}`, /service2\s*call_service3_from_service2/);
    const depth = (index: number) =>
      rows
        .nth(index)
        .locator('.name')
        .evaluate((element) => Number.parseFloat(element.style.paddingLeft));
    assert.ok((await depth(4)) > (await depth(3)));
    assert.equal(await page.locator('summary.failed').count(), 3);
    const box = async (index: number) => rows.nth(index).locator('.bar').boundingBox();
    const [whole, call, sleep] = [await box(0), await box(5), await box(8)]; // nested in time: the later, the shorter
    assert.ok(whole && call && sleep && whole.x < call.x && call.x <= sleep.x);
    assert.ok(whole.width > call.width && call.width > sleep.width && sleep.width > 0);

    await rows.nth(4).click();
    await page.getByRole('row', { name: 'error Intentional 100% failure' }).waitFor();
    assert.deepEqual(problems, []);
  });

  test('what a span says is shown as text, never run as markup', async () => {
    await using viewer = await startViewer();
    const evil = '<img src=x onerror="document.title=1">';
    const traceId = hex(32);
    const one = span({
      traceId,
      name: evil,
      localEndpoint: { serviceName: evil },
      tags: { [evil]: evil, error: evil },
    });
    await post(viewer.url, JSON.stringify([{ ...one, annotations: [{ timestamp: 1, value: evil }] }]));
    await using browser = await openBrowser();
    const { page, problems } = browser;
    for (const path of ['/zipkin/', `/zipkin/traces/${traceId}`]) {
      await page.goto(viewer.url + path);
      await page.getByText('<img src=x').first().waitFor();
      assert.equal(await page.locator('img').count(), 0);
    }
    assert.deepEqual(problems, []);
  });
});
