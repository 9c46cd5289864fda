// Values for the `skip` option of a test.
import { existsSync } from 'node:fs';
import { COLLECTOR_BIN, JAEGER_URL, ZIPKIN_URL } from './backends.ts';
import { CHROMIUM } from './browser.ts';

/** The reason to skip, unless `present`. In CI nothing is skipped: an absent requirement is an error. */
export function unless(present: unknown, reason: string): string | false {
  if (!present && process.env.CI) throw new Error(`CI must provide this: ${reason}`);
  return present ? false : reason;
}
export const noZipkin = () => unless(ZIPKIN_URL, 'no real Zipkin (ZIPKIN_URL)');
export const noJaeger = () => unless(JAEGER_URL, 'no real Jaeger (JAEGER_URL, JAEGER_OTLP_URL, JAEGER_ZIPKIN_URL)');
export const noCollector = () => unless(COLLECTOR_BIN, 'no OpenTelemetry Collector (COLLECTOR_BIN)');
export const noChromium = () => unless(existsSync(CHROMIUM), `no Chromium (${CHROMIUM})`);
export const noServicePackages = () =>
  unless(existsSync('test/frameworks/node_modules'), 'no packages (npm ci --prefix test/frameworks)');
