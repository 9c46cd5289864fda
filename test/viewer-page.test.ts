import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { createViewer } from '../local/viewer/viewer.ts';
import { startViewer } from './support/backends.ts';
import { launchBrowser, openPage, reset } from './support/browser.ts';
import { lowContrasts } from './support/contrast.ts';
import { get, hex } from './support/http.ts';
import { serve } from './support/servers.ts';
import { startDemo } from './support/services.ts';
import { noChromium } from './support/skip.ts';
import { zipkinSpan as span } from './support/spans.ts';
import { failedSpans, traceOf } from './support/trace.ts';
import { until } from './support/wait.ts';

/** The page polls every 50 ms instead of every second. */
const pollOften = '{ const { setTimeout } = window; window.setTimeout = (poll, ms) => setTimeout(poll, ms / 20); }';

suite('the viewer’s pages, in a browser', { skip: noChromium() }, () => {
  let chromium: Browser;
  let tab: Awaited<ReturnType<typeof openPage>>;
  before(async () => {
    chromium = await launchBrowser();
    tab = await openPage(chromium);
    await tab.page.addInitScript(pollOften);
  });
  after(() => chromium.close());
  const openEmptyPage = async () => {
    await reset(tab);
    return tab;
  };

  test('a failed request: the list shows it as failed, the waterfall shows where, the keyboard alone opens why', async () => {
    await using viewer = await startViewer();
    await using demo = await startDemo(viewer, { INTENTIONAL_FAILURE_PCT: '100', SERVICE3_SLEEP_MS: '50' });
    const { page, problems } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/`);
    await page.getByText('No trace yet').waitFor();

    const { body } = await get(demo.url);
    await traceOf(viewer, `${body.trace_id}`, failedSpans);
    await page.getByRole('listitem').filter({ hasText: '9 spans' }).getByText('failed (3 spans)').waitFor();
    await page.getByRole('link', { name: /^service1: get \/, \d\d:\d\d:\d\d\.\d{3}$/ }).click();
    await page.waitForURL(`**/zipkin/traces/${body.trace_id}`);

    const rows = page.locator('summary');
    await until('9 rows', async () => (await rows.count()) === 9);
    assert.match(
      await rows.nth(4).innerText(),
      /service2\s*call_service3_from_service2\s*failed: Intentional 100% failure/,
    );
    const edge = async (index: number) => (await rows.nth(index).locator('.service').boundingBox())?.x ?? 0;
    assert.ok((await edge(4)) > (await edge(3)), 'a child is indented');
    // what a screen reader reads of the row: its level, but no triangle
    const read = await rows.nth(4).ariaSnapshot();
    assert.match(
      read,
      /^- text: "service2 call_service3_from_service2 failed: Intentional 100% failure level 5, \d+(\.\d ms| µs)"$/,
    );
    assert.equal(await page.locator('summary.failed').count(), 3);
    // Percentages, because a short bar in a long trace has its least width in pixels.
    const bar = async (index: number) => {
      const style = `${await rows.nth(index).locator('.bar').getAttribute('style')}`;
      const [, left, width] = style.match(/^left: ([\d.]+)%; width: ([\d.]+)%;$/)?.map(Number) ?? [];
      return { left: left ?? Number.NaN, width: width ?? Number.NaN };
    };
    const [whole, call, sleep] = [await bar(0), await bar(5), await bar(8)]; // nested in time: the later, the shorter
    assert.ok(whole.left < call.left && call.left <= sleep.left);
    assert.ok(whole.width > call.width && call.width > sleep.width && sleep.width > 0);
    assert.ok(((await rows.nth(8).locator('.bar').boundingBox())?.width ?? 0) > 0);

    await page.getByText('Click a span for its details').waitFor();
    const triangle = () =>
      rows.nth(4).evaluate((row) => row.ownerDocument.defaultView.getComputedStyle(row, '::before').content[1]);
    assert.equal(await triangle(), '▸');
    await rows.nth(3).focus();
    await page.keyboard.press('Tab');
    const outline = await rows
      .nth(4)
      .evaluate((row) => row.ownerDocument.defaultView.getComputedStyle(row).outlineStyle);
    assert.notEqual(outline, 'none', 'the focus is visible');
    await page.keyboard.press('Enter');
    const details = page.locator('.details');
    await details.getByText('Intentional 100% failure', { exact: true }).waitFor();
    assert.equal(await triangle(), '▾');
    const text = await details.innerText();
    assert.match(text, /^Span\s+error\s+Intentional 100% failure\s+start\s/); // before the stack
    assert.match(text, /start\s+\d+\.\d ms into the trace, at \d\d:\d\d:\d\d\.\d{3}/);
    assert.match(text, /Error: Intentional 100% failure\n\s+at .*service2\.ts/); // the stack, in lines
    assert.doesNotMatch(text, /telemetry\.sdk|service\.name/);
    await page.getByText('Tags of the process').click();
    assert.match(await details.innerText(), /telemetry\.sdk\.name\s+opentelemetry/);
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Space');
    await until('the row to close', async () => !(await details.isVisible()));
    assert.deepEqual(problems, []);
  });

  test('a span with error=false is not failed', async () => {
    await using viewer = await startViewer();
    const one = span({ tags: { error: 'false' } });
    await viewer.post([one]);
    const { page, problems } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/traces/${one.traceId}`);
    await page.locator('summary').click();
    await page.locator('.details').getByText('false').waitFor();
    assert.doesNotMatch(await page.locator('main').innerText(), /failed/);
    assert.deepEqual(problems, []);
  });

  test('a CLIENT span, the SERVER span that shares its id and a span below: nested, with their start and finish, as in Zipkin', async () => {
    await using viewer = await startViewer();
    const client = span({ kind: 'CLIENT', duration: 3000 });
    const { traceId, id, timestamp } = client;
    const server = span({ traceId, id, shared: true, kind: 'SERVER', timestamp: timestamp + 1000, duration: 1000 });
    const below = span({ traceId, parentId: id, timestamp: timestamp + 1500, name: 'below' });
    await viewer.post([client, below, server]);
    const { page } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/traces/${traceId}`);
    await page.locator('summary.row').nth(2).waitFor();
    const edges = await page.locator('summary.row .service').evaluateAll((all) => all.map((one) => one.offsetLeft));
    // one below the other
    assert.ok(edges.length === 3 && edges.every((edge, i) => i === 0 || edge > edges[i - 1]), `${edges}`);
    for (const [index, annotations] of [
      [1, /Annotations\s+1\.0 ms\s+Server Start\s+2\.0 ms\s+Server Finish/],
      [0, /Annotations\s+0 ms\s+Client Start\s+3\.0 ms\s+Client Finish/],
    ] as const) {
      await page.locator('summary.row').nth(index).click();
      assert.match(await page.locator('main > details').nth(index).locator('.details').innerText(), annotations);
    }
  });

  test('a trace that is opened at once: no totals until all is there; what is open and focused stays so', async ({
    mock,
  }) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await using viewer = await startViewer();
    const root = span({ duration: 9000, name: 'root' });
    const { traceId, timestamp } = root;
    const child = span({ traceId, parentId: root.id, name: 'child', timestamp: timestamp + 2000 });
    const { page, problems } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/traces/${traceId}`);
    await page.getByText('Nothing has arrived').waitFor();
    await viewer.post([child]);
    await page.getByText('shown without its parent').waitFor();
    assert.match(await page.locator('#summary').innerText(), /^still arriving …\s+[0-9a-f]{32}\s+JSON\s+Copy as text$/);
    await page.keyboard.press('Tab');
    await page.locator('summary', { hasText: 'child' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('0 ms into the trace').waitFor();

    await viewer.post([root, span({ traceId, parentId: root.id, name: 'later', timestamp: timestamp + 8000 })]);
    // it is still open, and its start is relative to the root's
    await page.getByText('2.0 ms into the trace').waitFor();
    assert.equal(await page.locator('summary').first().locator('.service + span').innerText(), 'root');
    assert.equal(await page.getByText('shown without its parent').count(), 0);
    assert.match(await page.locator(':focus').innerText(), /child/);
    assert.equal(await page.getByRole('status').innerText(), '3 spans, arriving');
    mock.timers.tick(1000);
    await page.locator('.total').waitFor();
    assert.match(await page.locator('#summary').innerText(), /^13\.0 ms\s+3 spans/);
    assert.deepEqual(problems, []);
  });

  test('a trace is copied as the text that the viewer returns for it', async ({ mock }) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await using viewer = await startViewer();
    const root = span({ localEndpoint: { serviceName: 'shop' } });
    await viewer.post([root, span({ traceId: root.traceId, parentId: root.id, tags: { error: 'no money' } })]);
    mock.timers.tick(1000); // all has arrived
    await using browser = await openPage(chromium);
    const { page } = browser;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const url = `${viewer.url}/zipkin/traces/${root.traceId}`;
    await page.goto(url);
    await page.locator('.total').waitFor();
    await page.getByRole('button', { name: 'Copy as text' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate('navigator.clipboard.readText()');
    assert.match(`${copied}`, /FAILED: no money\n$/);
    assert.equal(copied, await (await fetch(url, { headers: { accept: 'text/plain' } })).text());
  });

  test('rows that are selected and copied are lines of text; a part of one is copied as it is', async ({ mock }) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await using viewer = await startViewer();
    const root = span({ localEndpoint: { serviceName: 'shop' } });
    const { traceId } = root;
    const children = ['pay', 'log'].map((name) => span({ traceId, parentId: root.id, name, kind: 'CLIENT' }));
    await viewer.post([root, ...children]);
    mock.timers.tick(1000);
    const { page } = await openEmptyPage();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto(`${viewer.url}/zipkin/traces/${traceId}`);
    await page.locator('.total').waitFor();
    const copied = async (from: string, to: string) => {
      const select = `getSelection().setBaseAndExtent(${from}, 0, ${to}, ${to}.childNodes.length)`;
      await page.evaluate(`{ const row = (i) => document.querySelectorAll('summary.row')[i]; ${select} }`);
      await page.keyboard.press('Control+C');
      return `${await page.evaluate('navigator.clipboard.readText()')}`;
    };
    const lines = ['0 ms  5.0 ms  shop get /', '0 ms  5.0 ms    unknown service log CLIENT'];
    assert.equal(await copied('row(0)', 'row(1)'), lines.join('\n'));
    const name = "row(0).querySelector('.service + span')";
    assert.equal((await copied(name, name)).trim(), 'get /');
    await page.locator('summary.row').first().click();
    await page.locator('.details').waitFor();
    assert.match(await copied('row(0)', 'row(1)'), /parent id/); // the details are not lost
  });

  test('the other side of a call is shown, with its name and address', async () => {
    await using viewer = await startViewer();
    const endpoints = [
      [{ serviceName: 'MySQL', ipv4: '10.9.9.9', port: 3306 }, 'mysql, 10.9.9.9:3306'],
      [{ serviceName: 'mysql' }, 'mysql'],
      [{ ipv6: '::1', port: 80 }, '[::1]:80'],
      [{ port: 80 }, 'port 80'],
    ] as const;
    const { page } = await openEmptyPage();
    for (const [remoteEndpoint, expected] of endpoints) {
      const one = span({ kind: 'CLIENT', remoteEndpoint });
      await viewer.post([one]);
      await page.goto(`${viewer.url}/zipkin/traces/${one.traceId}`);
      await page.locator('summary.row').click();
      assert.equal(await page.locator('dt:text-is("remote endpoint") + dd').innerText(), expected);
    }
  });

  test('the axis has round times, where they are', async ({ mock }) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await using viewer = await startViewer();
    const { page } = await openEmptyPage();
    for (const [duration, expected] of [
      [13_000, '0 ms at 0, 5 ms at 38, 10 ms at 77'],
      [1_700_000, '0 ms at 0, 500 ms at 29, 1 s at 59, 1.5 s at 88'],
      [800, '0 ms at 0, 200 µs at 25, 400 µs at 50, 600 µs at 75'],
      [1, '0 ms at 0'],
    ] as const) {
      const one = span({ duration });
      await viewer.post([one]);
      mock.timers.tick(1000);
      await page.goto(`${viewer.url}/zipkin/traces/${one.traceId}`);
      await page.locator('.total').waitFor();
      const track = page.locator('.axis .track');
      const { x = 0, width = 0 } = (await track.boundingBox()) ?? {};
      const ticks = await track
        .locator('span')
        .evaluateAll((all) => all.map((tick) => ({ label: tick.innerText, left: tick.getBoundingClientRect().left })));
      const places = ticks.map(({ label, left }) => `${label} at ${Math.round((100 * (left - x)) / width)}`);
      assert.equal(places.join(', '), expected);
    }
  });

  test('a trace whose parent never comes is shown as incomplete', async ({ mock }) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await using viewer = await startViewer();
    const one = span({ parentId: hex(16) });
    await viewer.post([one]);
    const { page } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/traces/${one.traceId}`);
    await page.getByText('still arriving …').waitFor();
    mock.timers.tick(10_000);
    await page.getByText('incomplete: parent not received').waitFor();
  });

  test('the list is not rebuilt: a new trace is added, the focus stays, and only the news is read out', async ({
    mock,
  }) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await using viewer = await startViewer();
    await viewer.post([span({ name: 'first' })]);
    mock.timers.tick(1000);
    const { page } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/`);
    const row = page.getByRole('listitem').filter({ hasText: 'first' });
    await row.getByText('1 span').waitFor();
    await row.evaluate((element) => Object.assign(element, { mark: 'same' }));
    await row.getByRole('link').focus();
    assert.equal(await page.getByRole('status').innerText(), '');

    await viewer.post([span({ name: 'second', timestamp: 1e15 + 1 })]);
    await page.getByText('still arriving …').waitFor();
    mock.timers.tick(1000);
    await until('the news', async () => /^New trace: .*second/.test(await page.getByRole('status').innerText()));
    assert.doesNotMatch(await page.getByRole('status').innerText(), /first/);
    assert.match(`${await page.getByRole('listitem').allInnerTexts()}`, /second.*first/s);
    assert.equal(await row.evaluate((element) => (element as { mark?: string }).mark), 'same');
    assert.match(await page.locator(':focus').innerText(), /first/);
  });

  test('a trace is found by its id; an id that is unknown or invalid is reported', async () => {
    await using viewer = await startViewer();
    const one = span({ name: 'wanted' });
    await viewer.post([one]);
    const { page } = await openEmptyPage();
    const search = async (id: string) => {
      await page.getByRole('textbox', { name: 'Trace id or URL' }).fill(id);
      await page.keyboard.press('Enter');
    };
    await page.goto(`${viewer.url}/zipkin/`);
    await search(` ${one.traceId.toUpperCase()} `);
    await page.getByRole('heading', { name: 'wanted' }).waitFor();
    for (const path of ['zipkin/traces', 'trace']) {
      await search('abc123');
      await page.getByText('Nothing has arrived').waitFor();
      await search(` http://elsewhere.test:1/${path}/${one.traceId}?a=b `);
      await page.getByRole('heading', { name: 'wanted' }).waitFor();
    }
    await search('<not an id>');
    await page.getByRole('alert').filter({ hasText: 'trace id "<not an id>": must be 1 to 32' }).waitFor();
    await page.getByRole('link', { name: 'All traces' }).click();
    await page.getByRole('link', { name: 'wanted' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Send a request' }).getAttribute('href'), '/viewer/service1');
    const { headers } = await fetch(`${viewer.url}/viewer/service1`, { redirect: 'manual' });
    assert.equal(headers.get('location'), 'http://localhost:5001');
  });

  test('every span is shown: without its parent, in a cycle, without times, 3000 levels deep', async () => {
    await using viewer = await startViewer();
    const traceId = hex(32);
    const [a, b] = [hex(16), hex(16)];
    const bare = { traceId, id: hex(16), name: 'bare' };
    await viewer.post([
      span({ traceId, name: 'root' }),
      span({ traceId, name: 'orphan', parentId: hex(16) }),
      span({ traceId, name: 'a', id: a, parentId: b }),
      span({ traceId, name: 'b', id: b, parentId: a }),
      bare,
    ]);
    const { page, problems } = await openEmptyPage();
    const rowsOf = async (id: string, count: number) => {
      await page.goto(`${viewer.url}/zipkin/traces/${id}`);
      await until(`${count} rows`, async () => (await page.locator('summary.row').count()) === count);
      return (await page.locator('summary.row').allInnerTexts()).map((text) => text.replace(/\s+/g, ' '));
    };
    const rows = await rowsOf(traceId, 5);
    const noteOf = (name: string) => rows.find((row) => row.includes(` ${name} `));
    assert.match(`${noteOf('orphan')}`, /shown without its parent/);
    assert.match(`${noteOf('a')}${noteOf('b')}`, /shown without its parent/);
    assert.match(`${noteOf('bare')}`, /no duration/);
    await page.locator('summary.row', { hasText: 'bare' }).click();
    await page.getByText('no timestamp').waitFor();
    const alone = { ...bare, traceId: hex(32) };
    await viewer.post([alone]);
    assert.equal((await rowsOf(alone.traceId, 1)).length, 1);

    const ids = Array.from({ length: 3000 }, () => hex(16));
    const deep = ids.map((id, i) => span({ traceId: 'de', id, ...(i > 0 && { parentId: `${ids[i - 1]}` }) }));
    await viewer.post(deep);
    await page.setViewportSize({ width: 320, height: 700 });
    await rowsOf('de', 200);
    await page.getByRole('button', { name: 'Show all 3000 spans' }).click();
    await until('3000 rows', async () => (await page.locator('summary.row').count()) === 3000);
    assert.equal(await page.locator('html').evaluate((html) => html.scrollWidth), 320);
    assert.deepEqual(problems, []);
  });

  test('a trace of 250 spans: 200 rows at first, all of them on request, by the keyboard alone', async () => {
    await using viewer = await startViewer();
    const root = span();
    const { traceId, timestamp } = root;
    const children = Array.from({ length: 249 }, (_, i) =>
      span({ traceId, parentId: root.id, timestamp: timestamp + i + 1, name: `child ${i + 1}` }),
    );
    await viewer.post([root, ...children]);
    const { page, problems } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/traces/${traceId}`);
    const rows = page.locator('summary.row');
    await rows.first().waitFor();
    assert.equal(await rows.count(), 200);
    assert.deepEqual(await lowContrasts(page), []);
    await rows.last().focus();
    await page.keyboard.press('Tab');
    assert.equal(await page.locator(':focus').innerText(), 'Show all 250 spans');
    await page.keyboard.press('Enter');
    await until('250 rows', async () => (await rows.count()) === 250);
    assert.match(await page.locator(':focus').innerText(), /child 200\s/); // the first that is new
    assert.equal(await page.getByRole('button', { name: 'Show all' }).count(), 0);

    await viewer.post([span({ traceId, parentId: root.id, timestamp: timestamp + 250, name: 'later' })]);
    await until('row 251', async () => (await rows.count()) === 251);
    assert.deepEqual(problems, []);
  });

  const invalid: Record<string, RequestListener> = {
    'is cut': (_req, res) => res.setHeader('content-length', 100).write('[{"state":', () => res.destroy()),
    'never comes: the connection is closed': (req) => req.destroy(),
    'is HTML': (_req, res) => res.end('<h1>Bad gateway</h1>'),
    'is null': (_req, res) => res.end('null'),
    'is an object': (_req, res) => res.end('{}'),
  };
  test('while responses are invalid, the page says so and keeps what it shows; then it recovers', async (t) => {
    const app = createViewer();
    let respond: RequestListener = app;
    await using server = await serve((req, res) => (req.url?.startsWith('/viewer/traces') ? respond : app)(req, res));
    const post = (one: unknown) => fetch(`${server.url}/api/v2/spans`, { method: 'POST', body: JSON.stringify([one]) });
    const { traceId } = span();
    await post(span({ traceId, name: 'first' }));
    for (const path of ['/zipkin/', `/zipkin/traces/${traceId}`]) {
      const { page, problems } = await openEmptyPage();
      const alert = page
        .getByRole('alert')
        .filter({ hasText: /^No valid response from the viewer: has it been stopped\?$/ });
      respond = (_req, res) => res.end('{}');
      await page.goto(server.url + path);
      await alert.waitFor(); // before anything has been shown
      respond = app;
      await page.getByText('first').first().waitFor();
      for (const [name, response] of Object.entries(invalid)) {
        await t.test(`${path.replace(traceId, ':id')}: a response ${name}`, async () => {
          respond = response;
          await alert.waitFor();
          assert.ok(await page.getByText('first').first().isVisible());
          respond = app; // and no trace has changed
          await alert.waitFor({ state: 'hidden' });
        });
      }
      const name = `posted after ${path}`;
      await post(span({ traceId: path === '/zipkin/' ? hex(32) : traceId, name }));
      await page.getByText(name).first().waitFor();
      assert.deepEqual(
        problems.filter((problem) => !problem.includes('Failed to load resource')), // the browser's, of the network
        [],
      );
    }
  });

  test('an exception that is not a stack is shown as it was sent, and the page goes on', async () => {
    await using viewer = await startViewer();
    const stacks = [{}, 7, ['a'], { nodeType: 1 }, { _$litType$: 1, strings: ['<b>'], values: [] }];
    const exceptions = [null, 7, 'text', [], ...stacks.map((stack) => ({ 'exception.stacktrace': stack }))];
    const values = ['"exception": {', ...exceptions.map((exception) => `"exception": ${JSON.stringify(exception)}`)];
    const one = span({ annotations: values.map((value, timestamp) => ({ timestamp, value })) });
    await viewer.post([one]);
    const { page, problems } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/traces/${one.traceId}`);
    await page.locator('summary.row').click();
    await page.locator('.details').waitFor();
    const shown = await page.locator('h2:text-is("Annotations") + dl dd').allInnerTexts();
    assert.deepEqual(shown, values);
    await viewer.post([span({ traceId: one.traceId, name: 'later' })]);
    await page.locator('summary.row', { hasText: 'later' }).waitFor();
    assert.deepEqual(problems, []);
  });

  test('whatever a span says is shown as text, never run as markup', async () => {
    await using viewer = await startViewer();
    const evil = '<img src=x onerror="document.title=1">';
    const one = span({
      name: evil,
      localEndpoint: { serviceName: evil },
      tags: { [evil]: evil, error: evil },
      annotations: [
        { timestamp: 1, value: evil },
        { timestamp: 2, value: `"exception": ${JSON.stringify({ 'exception.stacktrace': evil })}` },
      ],
    });
    await viewer.post([one]);
    const { page, problems } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/`);
    await page.getByText('<img src=x').first().waitFor();
    await page.goto(`${viewer.url}/zipkin/traces/${one.traceId}`);
    await page.locator('summary.row').click();
    await until('all of its texts', async () => (await page.locator('.details').getByText('<img src=x').count()) >= 4);
    assert.equal(await page.locator('img').count(), 0);
    assert.deepEqual(problems, []);
  });

  test('no inline script runs, and no other page can frame the viewer', async () => {
    await using viewer = await startViewer();
    await using other = await serve((_req, res) => {
      res.setHeader('content-type', 'text/html').end(`<iframe src="${viewer.url}/zipkin/"></iframe>`);
    });
    const { page } = await openEmptyPage();
    await page.goto(`${viewer.url}/zipkin/`);
    await page.locator('body').evaluate((body) => {
      const script = body.ownerDocument.createElement('script');
      script.textContent = 'document.title = "run"';
      body.append(script);
    });
    assert.equal(await page.title(), 'Traces');
    await page.goto(other.url);
    await until('the frame to be refused', () => page.frames()[1]?.url().startsWith('chrome-error:'));
  });

  test('nothing scrolls sideways from 320 px on, bars have width, contrast is AA, light and dark', async ({ mock }) => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await using viewer = await startViewer();
    const long = 'x'.repeat(300);
    const root = span({ name: long, localEndpoint: { serviceName: 'service1' }, kind: 'SERVER' });
    const { traceId } = root;
    const services = ['service2', 'service3', 'service4', 'service5', 'service6', long];
    const children = services.map((serviceName) =>
      span({ traceId, parentId: root.id, localEndpoint: { serviceName } }),
    );
    const failed = span({ traceId, parentId: root.id, tags: { error: long, [long]: long, 'service.name': long } });
    const orphan = span({ traceId, parentId: hex(16) });
    await viewer.post([root, ...children, failed, orphan]);
    await viewer.post([span({ name: 'good', timestamp: 2e15 })]);
    const { page, problems } = await openEmptyPage();
    for (const tick of [0, 10_000]) {
      mock.timers.tick(tick);
      for (const path of ['/zipkin/', '/zipkin/traces/0', `/zipkin/traces/${traceId}`]) {
        await page.goto(viewer.url + path);
        await page.locator('li a, .row, #problem:not(:empty)').first().waitFor();
        for (const row of await page.locator('.failed.row, .row:has-text("SERVER")').all()) {
          await row.click();
          await row.locator('xpath=..').locator('.details').waitFor();
        }
        for (const fold of await page.locator('.details summary:visible').all()) await fold.click();
        for (const width of [320, 390, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme });
            const scrollWidth = await page.evaluate('document.documentElement.scrollWidth');
            const low = await lowContrasts(page);
            const at = { tick, path, width, colorScheme };
            assert.deepEqual({ ...at, scrollWidth, low }, { ...at, scrollWidth: width, low: [] });
          }
          if (!path.endsWith(traceId)) continue;
          const box = await page.locator('.bar').first().boundingBox();
          assert.ok((box?.width ?? 0) > (width === 320 ? 250 : 300), `${box?.width} px`);
        }
      }
    }
    assert.deepEqual(
      problems.filter((problem) => !problem.includes('400')), // of the invalid id
      [],
    );
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${colorScheme}: bars are visible in forced colors, Windows’ high contrast, and failed ones differ`, async () => {
      await using viewer = await startViewer();
      const root = span();
      const failed = span({ traceId: root.traceId, parentId: root.id, tags: { error: 'failed' } });
      await viewer.post([root, failed]);
      const { page } = await openEmptyPage();
      await page.emulateMedia({ colorScheme, forcedColors: 'active' });
      await page.goto(`${viewer.url}/zipkin/traces/${root.traceId}`);
      await page.locator('.failed .bar').waitFor();
      assert.deepEqual(await lowContrasts(page), []);
      const colors = await page
        .locator('.bar')
        .evaluateAll((bars) => bars.map((bar) => bar.ownerDocument.defaultView.getComputedStyle(bar).backgroundColor));
      assert.notEqual(colors[0], colors[1]);
      assert.ok(await page.locator('summary').nth(1).getByText('failed: failed', { exact: true }).isVisible());
    });
  }
});
