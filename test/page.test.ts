import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { traceListUrl } from '../src/server/page/trace-list-url.ts';
import { startViewer } from './support/backends.ts';
import { launchBrowser, openPage, reset } from './support/browser.ts';
import { lowContrasts } from './support/contrast.ts';
import { serve } from './support/servers.ts';
import { startService, startSharedDemo } from './support/services.ts';
import { noChromium } from './support/skip.ts';
import { failedSpans, goodSpans } from './support/trace.ts';
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
  ['*/*, text/html', 'application/json'],
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

test('curl gets the JSON, a newline and nothing else', async () => {
  const response = await fetch(`${demo.url}/?failure_pct=0`, { headers: { accept: '*/*' } });
  assert.equal(response.headers.get('content-security-policy'), null);
  const text = await response.text();
  const { trace_id } = JSON.parse(text);
  assert.equal(
    text,
    `{"failure_chance_pct":0,"response_codes":{"service2":200,"service3":200},"trace_id":"${trace_id}","trace_url":"${viewer.url}/zipkin/traces/${trace_id}"}\n`,
  );
});

test('the page has headers that restrict it', async () => {
  const { headers } = await fetch(demo.url, { headers: { accept: 'text/html' } });
  const policy = `${headers.get('content-security-policy')}`.split('; ');
  for (const directive of ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
    assert.ok(policy.includes(directive), directive);
  }
  assert.match(
    `${policy.find((directive) => directive.startsWith('script-src'))}`,
    /^script-src 'sha256-[\w+/=]{44}'$/,
  );
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
});

for (const [traceUiUrl, list] of [
  ['http://localhost:9411/zipkin/traces/{traceId}', 'http://localhost:9411/zipkin/'],
  ['http://localhost:16686/trace/{traceId}', 'http://localhost:16686/'],
  ['https://example.com/jaeger/trace/{traceId}?uiEmbed=v0', 'https://example.com/jaeger/'],
  ['https://example.com/explore?id={traceId}', 'https://example.com/'],
] as const) {
  test(`the list of traces for ${traceUiUrl} is ${list}`, () => assert.equal(traceListUrl(traceUiUrl), list));
}

test('loading the page leaves no trace', async () => {
  await using own = await startViewer();
  await using service1 = await startService('service1', own.env);
  assert.equal((await fetch(service1.url, { headers: { accept: 'text/html' } })).status, 200);
  service1.signal('SIGTERM'); // all of its spans are sent by then
  await service1.exit;
  assert.deepEqual(await (await fetch(`${own.url}/api/v2/traces`)).json(), []);
});

suite('the page, in a browser', { skip: noChromium() }, () => {
  let chromium: Browser;
  let tab: Awaited<ReturnType<typeof openPage>>;
  before(async () => {
    chromium = await launchBrowser();
    tab = await openPage(chromium);
  });
  after(() => chromium.close());
  const openEmptyPage = async () => {
    await reset(tab);
    return tab;
  };

  test('each button sends its request; the newest is on top; Open trace leads to the waterfall', async () => {
    const { page, problems } = await openEmptyPage();
    await page.goto(demo.url);
    const hint = page.getByText('No request yet. Each gets a row here');
    assert.ok(await hint.isVisible());
    const rows = page.locator('tbody tr');
    const cell = (index: number) => rows.first().locator('td').nth(index).innerText();
    const failed = () => page.locator('svg .failed').evaluateAll((boxes) => boxes.map((box) => box.dataset.service));

    await page.getByRole('button', { name: 'Make it succeed' }).click();
    await until('a row', async () => (await rows.count()) === 1);
    assert.deepEqual([await cell(1), await cell(3), await cell(4)], ['Make it succeed', '200', '200']);
    assert.deepEqual(await failed(), []);
    assert.match(await cell(2), /^\d+ ms$/);
    assert.equal(await page.getByRole('status').innerText(), 'All went well');
    assert.equal(await hint.isVisible(), false);
    await page.getByText('A trace appears after a second. It opens in a second tab.').waitFor();
    const why = page.getByRole('link', { name: 'Why is this span not red?' });
    assert.equal(await why.isVisible(), false);
    const arrow = page.locator('#service2-service3');
    const strokes = () =>
      arrow.evaluate((path) => path.ownerDocument.defaultView.getComputedStyle(path).strokeDasharray);
    assert.equal(await strokes(), 'none');

    const makeItFail = page.getByRole('button', { name: 'Make it fail' });
    await makeItFail.press('Enter'); // the keyboard does it too
    await until('a second row', async () => (await rows.count()) === 2);
    assert.deepEqual([await cell(1), await cell(3), await cell(4)], ['Make it fail', '500', '200']);
    assert.deepEqual(await failed(), ['service2']);
    assert.equal(await page.getByRole('status').innerText(), 'service2 failed; only service1 called service3');
    await why.click();
    await page.getByRole('heading', { name: 'Why is this span not red?' }).waitFor();
    assert.ok(page.url().endsWith('#not-red'));
    assert.notEqual(await strokes(), 'none', 'the arrow that was not taken is dashed');

    await page.getByRole('button', { name: 'Send a request' }).click();
    await until('a third row', async () => (await rows.count()) === 3);
    assert.match(await cell(3), /^(200|500)$/);
    assert.equal((await strokes()) === 'none', (await cell(3)) === '200');

    const open = (row: number) => {
      const name = /^Open trace of \d+:\d\d:\d\d [AP]M, \d+ ms, in a second tab$/;
      return rows.nth(row).getByRole('link', { name }).click();
    };
    const opened = page.waitForEvent('popup');
    await open(1);
    const trace = await opened;
    await trace.locator('summary.failed', { hasText: 'call_service3_from_service2' }).waitFor();
    await until('all of its spans', async () => (await trace.locator('summary').count()) === failedSpans);
    await open(2); // in the same tab
    await until('all of its spans', async () => (await trace.locator('summary').count()) === goodSpans);
    assert.equal(page.context().pages().length, 2);

    const before = await rows.allInnerTexts();
    await page.reload();
    assert.deepEqual(await rows.allInnerTexts(), before);
    await page.goto(`${viewer.url}/zipkin/`);
    await page.goBack();
    assert.deepEqual(await rows.allInnerTexts(), before);
    await page.getByRole('button', { name: 'Call both at once' }).click();
    await until('a fourth row', async () => (await rows.count()) === 4);
    assert.equal(await cell(1), 'Call both at once');
    assert.deepEqual((await rows.allInnerTexts()).slice(1), before);
    assert.deepEqual(problems, []);
  });

  test('while a request runs the page shows it, keeps the focus on the button and sends no second one; it moves only for those who have not asked for reduced motion', async () => {
    const waiting: ServerResponse[] = [];
    await using slow = await serve((_req, res) => void waiting.push(res));
    const urls = { SERVICE2_URL: slow.url, SERVICE3_URL: slow.url };
    await using service1 = await startService('service1', { ...urls, OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
    const { page } = await openEmptyPage();
    await page.goto(service1.url);
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.url()));
    const button = page.getByRole('button', { name: 'Send a request' });
    await button.press('Enter');
    await until('the call to service2', () => waiting.length === 1);
    await page.keyboard.press('Enter');
    assert.match(await page.locator(':focus').innerText(), /Send a request/);
    assert.equal(await page.getByRole('status').innerText(), 'Running…');
    assert.equal(await button.isDisabled(), true);
    waiting[0]?.end();
    await until('the call to service3', () => waiting.length === 2);
    waiting[1]?.end();
    await page.getByText('All went well').waitFor();
    assert.equal(await button.isDisabled(), false);
    assert.match(await page.locator(':focus').innerText(), /Send a request/);
    assert.equal(sent.length, 1);
    await page.getByRole('row', { name: /200 200 not sampled$/ }).waitFor();

    await button.click();
    await until('another call to service2', () => waiting.length === 3);
    const moving = () => page.evaluate('document.getAnimations().length');
    assert.equal(await moving(), 3);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    assert.equal(await moving(), 0);
  });

  test('a service that does not respond is shown as that, service1 included', async () => {
    await using slow = await serve((req) => void req.socket.destroy());
    await using service1 = await startService('service1', {
      ...viewer.env,
      SERVICE2_URL: slow.url,
      SERVICE3_URL: demo.service3.url,
    });
    const { page } = await openEmptyPage();
    await page.goto(service1.url);
    await page.getByRole('button', { name: 'Send a request' }).click();
    await page.getByText('service2 failed', { exact: true }).waitFor(); // whether it called service3 is unknown
    await page.getByRole('row', { name: /no response 200 Open trace/ }).waitFor();
    service1.signal('SIGTERM');
    await service1.exit;
    await page.getByRole('button', { name: 'Send a request' }).click();
    await page.getByText('No response from service1: is it running?').waitFor();
    await page.getByRole('row', { name: /– – no response$/ }).waitFor();
  });

  test('says how often service2 fails, links to the list of traces, and has no table before the first request', async () => {
    await using service1 = await startService('service1', {
      INTENTIONAL_FAILURE_PCT: '30',
      OTEL_TRACES_EXPORTER: 'otlp',
      TRACE_UI_URL: 'http://localhost:16686/a"b&c/trace/{traceId}',
    });
    const { page } = await openEmptyPage();
    await page.goto(service1.url);
    await page.getByText('service2 fails on purpose 30% of the time').waitFor();
    assert.match(`${await page.locator('caption').textContent()}`, /after a second, unless a Collector drops it/);
    const href = await page.getByRole('link', { name: 'All traces' }).getAttribute('href');
    assert.equal(href, 'http://localhost:16686/a"b&c/');
    assert.equal(await page.locator('table').isVisible(), false);
  });

  test('All traces leads to the list', async () => {
    const { page } = await openEmptyPage();
    await page.goto(demo.url);
    const opened = page.waitForEvent('popup');
    await page.getByRole('link', { name: 'All traces' }).click();
    assert.equal((await opened).url(), `${viewer.url}/zipkin/`);
  });

  for (const width of [1280, 390, 320]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`at ${width} px, ${colorScheme}: nothing scrolls sideways, and all text is legible`, async () => {
        const { page, problems } = await openEmptyPage();
        await page.setViewportSize({ width, height: 800 });
        await page.emulateMedia({ colorScheme });
        await page.goto(demo.url);
        await page.getByRole('button', { name: 'Make it fail' }).click();
        await page.getByText('service2 failed').waitFor();

        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
        const labels = await page
          .locator('svg text')
          .evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect().height));
        assert.ok(Math.min(...labels) >= 14, `${labels}`); // the height of a line of 12 px
        const boxes = await page
          .getByRole('button')
          .evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect()));
        if (width === 1280) assert.equal(new Set(boxes.map(({ top }) => top)).size, 1, 'one row');
        for (const [index, a] of boxes.entries()) {
          for (const b of boxes.slice(index + 1)) {
            const gap = Math.max(b.left - a.right, b.top - a.bottom);
            assert.ok(gap >= 8, `buttons are ${gap} px apart`);
          }
        }
        const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
        assert.equal(background === 'rgb(255, 255, 255)', colorScheme === 'light');
        assert.deepEqual(await lowContrasts(page), []);
        assert.deepEqual(problems, []);
      });
    }
  }

  test('runs no script but its own, and no other page can frame it', async () => {
    const { page, problems } = await openEmptyPage();
    await page.goto(demo.url);
    await page.evaluate(
      "document.body.append(Object.assign(document.createElement('script'), { text: 'injected = true' }))",
    );
    assert.equal(await page.evaluate("'injected' in window"), false);
    assert.match(`${problems.pop()}`, /script.*Content Security Policy/s);

    await using framing = await serve((_req, res) =>
      res.setHeader('content-type', 'text/html').end(`<iframe src="${demo.url}"></iframe>`),
    );
    await page.goto(framing.url);
    await until('the refusal', () => problems.some((problem) => /frame-ancestors/.test(problem)));
  });
});
