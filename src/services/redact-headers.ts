import type { IncomingHttpHeaders } from 'node:http';

// An allow-list, because an unknown header may hold a secret. (What else is redacted: src/telemetry/redact-query.ts)
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

const maxLength = 256;

/** Replaces the value of every header that is not listed above by `REDACTED`, and cuts long ones. */
export function redactHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const display = ([name, value]: [string, unknown]) => [name, shown.has(name) ? cut(String(value)) : 'REDACTED'];
  return Object.fromEntries(Object.entries(headers).map(display));
}

const cut = (text: string) => (text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
