import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

type Contrast = { name: string; color: string; background: string; ratio: number; minimum: number };

const script = readFileSync(new URL('contrast.js', import.meta.url), 'utf8');

/** The visible texts and bars that have less contrast with their background than WCAG's level AA requires. */
export async function lowContrasts(page: Page): Promise<Contrast[]> {
  const { texts, bars } = await page.evaluate<{ texts: Contrast[]; bars: Contrast[] }>(script);
  if (texts.length === 0) throw new Error('the page has no text');
  return [...texts, ...bars].filter(({ ratio, minimum }) => ratio < minimum);
}
