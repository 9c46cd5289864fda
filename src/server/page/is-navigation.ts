import type { IncomingMessage } from 'node:http';

/** True for a browser that opens `/`. curl and fetch accept anything; the page's own buttons ask for JSON. */
export function isNavigation({ url, headers }: IncomingMessage): boolean {
  return url?.split('?', 1)[0] === '/' && /^text\/html/i.test(headers.accept ?? '');
}
