import type { IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import accepts from 'accepts';
import type { RequestHandler } from 'express';

const file = fileURLToPath(new URL('page.html', import.meta.url));

/** Answers a browser that opens service1 with the page; leaves every other caller to the next handler. */
export const page: RequestHandler = (req, res, next) => {
  res.vary('Accept').set('Cache-Control', 'no-store');
  if (!wantsPage(req)) return next();
  res.sendFile(file);
};

/** True for a browser that opens `/`: it asks for text/html, while curl takes anything and the page's own buttons ask for JSON. */
export function wantsPage(request: IncomingMessage): boolean {
  return request.url?.split('?')[0] === '/' && accepts(request).type(['json', 'html']) === 'html';
}
