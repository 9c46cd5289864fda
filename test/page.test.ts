import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { suite, test } from 'node:test';
import { startViewer } from './support/backends.ts';
import { openBrowser } from './support/browser.ts';
import { serve } from './support/servers.ts';
import { startService, startSharedDemo } from './support/services.ts';
import { noChromium } from './support/skip.ts';
import { until } from './support/wait.ts';

const { viewer, demo } = await startSharedDemo(({ url }) => ({
  TRACE_UI_URL: `${url}/zipkin/traces/{traceId}`,
  INTENTIONAL_FAILURE_PCT: '50',
}));

const browsers = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';
for (const [accept, type] of [
  [browsers, 'text/html'],
  ['text/html', 'text/html'],
  ['*/*', 'application/json'],
  ['application/json', 'application/json'],
  ['application/json, text/html;q=0.5', 'application/json'],
  ['image/png', 'application/json'],
  ['', 'application/json'],
] as const) {
  test(`a caller that accepts ${accept || 'nothing in particular'} gets ${type}`, async () => {
    const response = await fetch(demo.url, { headers: { accept } });
    assert.match(`${response.headers.get('content-type')}`, new RegExp(`^${type}`));
    assert.equal(response.headers.get('vary'), 'Accept');
    assert.equal(response.headers.get('cache-control'), 'no-store');
  });
}

test('only service1 has a page, and only at /', async () => {
  for (const url of [demo.service2.url, demo.service3.url, `${demo.url}/elsewhere`]) {
    const response = await fetch(url, { headers: { accept: 'text/html' } });
    assert.match(`${response.headers.get('content-type')}`, /^application\/json/);
  }
});

test('loading the page leaves no trace', async () => {
  await using own = await startViewer();
  await using service1 = await startService('service1', own.env);
  assert.equal((await fetch(service1.url, { headers: { accept: 'text/html' } })).status, 200);
  service1.signal('SIGTERM'); // all of its spans are sent by then
  await service1.exit;
  assert.deepEqual(await (await fetch(`${own.url}/api/v2/traces`)).json(), []);
});

suite('the page, in a browser', { skip: noChromium() }, () => {
  test('each button sends its request; the newest is on top; Open trace leads to the waterfall', async () => {
    await using browser = await openBrowser();
    const { page, problems } = browser;
    await page.goto(demo.url);
    const rows = page.locator('tbody tr');
    const cell = (index: number) => rows.first().locator('td').nth(index).innerText();
    const failed = () => page.locator('svg .failed').evaluateAll((boxes) => boxes.map((box) => box.dataset.service));

    await page.getByRole('button', { name: 'Make it succeed' }).click();
    await until('a row', async () => (await rows.count()) === 1);
    assert.deepEqual([await cell(2), await cell(3), await failed()], ['200', '200', []]);
    assert.match(await cell(1), /^\d+ ms$/);
    assert.equal(await page.getByRole('status').innerText(), 'All went well');

    await page.getByRole('button', { name: 'Make it fail' }).press('Enter'); // the keyboard does it too
    await until('a second row', async () => (await rows.count()) === 2);
    assert.deepEqual([await cell(2), await cell(3), await failed()], ['500', '200', ['service2']]);
    assert.equal(await page.getByRole('status').innerText(), 'service2 failed');

    await page.getByRole('button', { name: 'Send a request' }).click();
    await until('a third row', async () => (await rows.count()) === 3);
    assert.match(await cell(2), /^(200|500)$/);

    const opened = page.waitForEvent('popup');
    await rows.nth(1).getByRole('link', { name: 'Open trace' }).click();
    const trace = await opened;
    await trace.locator('summary.failed', { hasText: 'call_service3_from_service2' }).waitFor();
    await until('all of its spans', async () => (await trace.locator('summary').count()) === 9);
    assert.deepEqual(problems, []);
  });

  test('while a request runs the page shows it', async () => {
    const waiting: ServerResponse[] = [];
    await using slow = await serve((_req, res) => void waiting.push(res));
    await using service1 = await startService('service1', {
      ...viewer.env,
      SERVICE2_URL: slow.url,
      SERVICE3_URL: slow.url,
    });
    await using browser = await openBrowser();
    const { page } = browser;
    await page.goto(service1.url);
    const button = page.getByRole('button', { name: 'Send a request' });
    await button.click();
    await until('the call to service2', () => waiting.length === 1);
    assert.equal(await page.getByRole('status').innerText(), 'Running …');
    assert.equal(await button.isDisabled(), true);
    waiting[0]?.end();
    await until('the call to service3', () => waiting.length === 2);
    waiting[1]?.end();
    await page.getByText('All went well').waitFor();
    assert.equal(await button.isDisabled(), false);
  });

  test('a service that does not answer is shown as that', async () => {
    await using slow = await serve((req) => void req.socket.destroy());
    await using service1 = await startService('service1', {
      ...viewer.env,
      SERVICE2_URL: slow.url,
      SERVICE3_URL: demo.service3.url,
    });
    await using browser = await openBrowser();
    await browser.page.goto(service1.url);
    await browser.page.getByRole('button', { name: 'Send a request' }).click();
    await browser.page.getByText('service2 failed').waitFor();
    await browser.page.getByRole('cell', { name: 'no answer' }).waitFor();
  });
});
