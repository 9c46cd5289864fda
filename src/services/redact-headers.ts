import type { IncomingHttpHeaders } from 'node:http';

// An allow-list, because an unknown header may hold a secret.
const shown = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'host',
  'user-agent',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
]);

/** Replaces the value of every header that is not listed above by `REDACTED`. */
export function redactHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, shown.has(name) ? value : 'REDACTED']),
  );
}
