// `npm run pictures`: retakes the pictures of README.md and docs/ in Chromium, from real requests and the real Zipkin at ZIPKIN_URL.
import { statSync } from 'node:fs';
import { experiments } from '../../local/experiments.ts';
import { startViewer, zipkinAt } from '../../test/support/backends.ts';
import { CHROMIUM, launchBrowser, openPage } from '../../test/support/browser.ts';
import { get } from '../../test/support/http.ts';
import { run } from '../../test/support/process.ts';
import { startDemo } from '../../test/support/services.ts';
import { failedSpans, goodSpans, traceOf } from '../../test/support/trace.ts';
import { until } from '../../test/support/wait.ts';

const { ZIPKIN_URL } = process.env;
if (!ZIPKIN_URL) {
  console.error('ZIPKIN_URL is not set: it must be the URL of a real Zipkin, such as http://localhost:9411');
  process.exit(1);
}
console.log(`Chromium: ${CHROMIUM}, Zipkin: ${ZIPKIN_URL}`);

await using viewer = await startViewer();
await using chromium = await launchBrowser();
await using opened = await openPage(chromium);
const { page } = opened;

async function take(name: string) {
  const path = `docs/pictures/${name}.png`;
  await page.screenshot({ path, animations: 'disabled' });
  const kB = Math.round(statSync(path).size / 1000);
  if (kB > 150) throw new Error(`${path} has ${kB} kB: it must have at most 150`);
  console.log(`${path} (${kB} kB)`);
}

// The built-in viewer and the page of service1, as `npm start` shows them
{
  const env = {
    INTENTIONAL_FAILURE_PCT: '50',
    SERVICE3_SLEEP_MS: '500',
    TRACE_UI_URL: `${viewer.url}/zipkin/traces/{traceId}`,
  };
  await using demo = await startDemo(viewer, env);
  await get(demo.url); // the first request is slower: it opens the connections
  await page.setViewportSize({ width: 1120, height: 480 });
  await page.goto(demo.url);
  for (const [index, name] of ['Make it succeed', 'Call both at once', 'Make it fail'].entries()) {
    await page.getByRole('button', { name }).click();
    await page.locator('tbody tr').nth(index).waitFor();
  }
  await take('page');
}

/** The trace of a request to service1, in the viewer. */
async function takeTrace(name: string, url: string, spans: number) {
  await get(url); // the first request is slower: it opens the connections
  const { body } = await get(url);
  await traceOf(viewer, `${body.trace_id}`, spans);
  await page.setViewportSize({ width: 1200, height: 280 + 36 * spans });
  await page.goto(`${viewer.url}/zipkin/traces/${body.trace_id}`);
  await page
    .locator('summary')
    .nth(spans - 1)
    .waitFor();
  await page.getByText('still arriving').waitFor({ state: 'hidden' });
  await take(name);
}

{
  await using demo = await startDemo(viewer, { SERVICE3_SLEEP_MS: '20' });
  await takeTrace('viewer', `${demo.url}/?failure_pct=100`, failedSpans);
}

// Experiments
{
  await using demo = await startDemo(viewer, { SERVICE3_SLEEP_MS: '500' });
  await takeTrace('sequence', demo.url, goodSpans);
  await takeTrace('parallel', `${demo.url}/?parallel=1`, goodSpans);
}
{
  await using demo = await startDemo(viewer, { SERVICE3_SLEEP_MS: '500' }, { service2: { OTEL_SDK_DISABLED: 'true' } });
  await takeTrace('untraced', demo.url, 7);
}
{
  await using emptyViewer = await startViewer();
  const mismatch = { service3: { OTEL_PROPAGATORS: 'tracecontext' } };
  await using demo = await startDemo(emptyViewer, { SERVICE3_SLEEP_MS: '500' }, mismatch);
  const { body } = await get(demo.url);
  await traceOf(emptyViewer, `${body.trace_id}`, 8);
  await page.setViewportSize({ width: 1200, height: 360 });
  await page.goto(`${emptyViewer.url}/zipkin/`);
  await page.getByText('service3: get /').nth(1).waitFor();
  await page.getByText('still arriving').last().waitFor({ state: 'hidden' });
  await take('pieces');
}
{
  await using demo = await startDemo(viewer, experiments.outlived.broken.env);
  await takeTrace('outlived', demo.url, goodSpans);
}
{
  await using experiment = run(process.execPath, ['local/experiment.ts', 'by-hand'], {}, process.cwd(), 'pipe');
  const { text } = experiment;
  await until('its end', () => text.stdout.includes('all traces:'));
  await page.setViewportSize({ width: 1200, height: 280 + 36 * 9 });
  await page.goto(`${text.stdout.match(/http:\S+\/traces\/\w+/)}`);
  await page.locator('summary').nth(8).waitFor();
  await take('by-hand');
}

// Real Zipkin
{
  const zipkin = zipkinAt(ZIPKIN_URL);
  await using demo = await startDemo(zipkin, { SERVICE3_SLEEP_MS: '500' });
  await get(demo.url);
  const ask = async (query: string, spans: number) => {
    const { body } = await get(`${demo.url}/${query}`);
    await traceOf(zipkin, `${body.trace_id}`, spans);
    return `${ZIPKIN_URL}/zipkin/traces/${body.trace_id}`;
  };
  const good = await ask('', 12);
  const failed = await ask('?failure_pct=100', 9);
  await ask('', 12);
  await ask('?failure_pct=100', 9);

  await page.setViewportSize({ width: 1100, height: 640 });
  await page.goto(`${ZIPKIN_URL}/zipkin/?limit=5`);
  await page.getByRole('button', { name: 'Run query' }).click();
  await page.getByText('service1: get /').nth(3).waitFor();
  await take('trace-list');

  await page.goto(good);
  await page.getByText('service3: sleep_service3').nth(1).waitFor();
  await take('trace');

  await page.getByText('service1: get', { exact: true }).first().click();
  await page.getByText('Client Start').waitFor();
  await take('client-span');
  await page.getByText('service2: get /').click();
  await page.getByText('Server Start').waitFor();
  await take('server-span');

  await page.goto(failed);
  await page.getByText('service2: call_service3_from_service2').click();
  await page.getByRole('cell', { name: 'Intentional 100% failure', exact: true }).scrollIntoViewIfNeeded();
  await take('failed-trace');

  await page.setViewportSize({ width: 1100, height: 760 });
  await page.goto(`${ZIPKIN_URL}/zipkin/dependency`);
  const laidOut = page.waitForEvent('console', (message) => message.text().includes('Received updated layout'));
  await page.getByRole('button', { name: 'Run query' }).click();
  await laidOut;
  await page.waitForTimeout(2000); // it is drawn on a canvas, where there is nothing to wait for
  await take('dependencies');
}
