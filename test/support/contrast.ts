import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

/** The visible texts whose contrast with their background is less than WCAG's level AA asks for. */
export async function faintTexts(page: Page): Promise<{ text: string; ratio: number }[]> {
  const script = readFileSync(new URL('contrast.js', import.meta.url), 'utf8');
  const texts = await page.evaluate<{ text: string; ratio: number }[]>(script);
  if (texts.length === 0) throw new Error('the page has no text');
  return texts.filter(({ ratio }) => ratio < 4.5);
}
