// Reasons to skip a test, for its `skip` option.
import { existsSync } from 'node:fs';
import { JAEGER_URL, ZIPKIN_URL } from './backends.ts';
import { CHROMIUM } from './browser.ts';

/** The reason, if something that the test needs is absent. In CI nothing may be absent. */
export function unless(present: unknown, reason: string): string | false {
  if (!present && process.env.CI) throw new Error(`CI has to make this present: ${reason}`);
  return present ? false : reason;
}
export const noZipkin = () => unless(ZIPKIN_URL, 'no real Zipkin (ZIPKIN_URL)');
export const noJaeger = () => unless(JAEGER_URL, 'no real Jaeger (JAEGER_URL, JAEGER_OTLP_URL, JAEGER_ZIPKIN_URL)');
export const noChromium = () => unless(existsSync(CHROMIUM), `no Chromium (${CHROMIUM})`);
