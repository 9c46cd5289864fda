import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestHandler } from 'express';
import type { Config } from '../../config/config.ts';
import { isNavigation } from './is-navigation.ts';
import { traceListUrl } from './trace-list-url.ts';

/** Responds to a browser that opens service1 with the page; passes every other request to the next handler. */
export function page({ INTENTIONAL_FAILURE_PCT, OTEL_TRACES_EXPORTER, TRACE_UI_URL }: Config): RequestHandler {
  // One response holds everything: further routes would have to be kept out of traces and logs.
  const style = read('shared.css') + read('page.css');
  const script = read('page.js');
  const html = read('page.html')
    .replace('{failure_pct}', `${INTENTIONAL_FAILURE_PCT}`)
    .replace('{collector}', OTEL_TRACES_EXPORTER.includes('otlp') ? ', unless a Collector drops it' : '')
    .replace('{trace_list_url}', () => escapeHtml(traceListUrl(TRACE_UI_URL)))
    .replace('<style>', () => `<style>${style}`)
    .replace('<script type="module">', () => `<script type="module">${script}`);
  const headers = {
    'Content-Security-Policy': [
      "default-src 'none'",
      `style-src '${hash(style)}'`,
      `script-src '${hash(script)}'`,
      "connect-src 'self'",
      'img-src data:', // the empty icon
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  };

  return (req, res, next) => {
    res.vary('Accept').set('Cache-Control', 'no-store');
    if (!isNavigation(req)) return next();
    res.set(headers).type('html').send(html);
  };
}

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const hash = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
const escapeHtml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
