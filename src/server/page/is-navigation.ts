import type { IncomingMessage } from 'node:http';

/**
 * True for a browser that opens `/`: its Accept header starts with text/html.
 * curl accepts anything, and the page's own buttons ask for JSON.
 */
export function isNavigation({ url, headers }: IncomingMessage): boolean {
  return url?.split('?', 1)[0] === '/' && (headers.accept ?? '').startsWith('text/html');
}
