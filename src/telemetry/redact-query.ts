import type { Attributes } from '@opentelemetry/api';

const maxParameters = 10;
const parameter = /^([a-z_][a-z0-9_]{0,31}=).*$/; // its name may be shown

/**
 * Attributes that overwrite the query string of a URL, whose values may be secret: `a=1&b=2` becomes
 * `a=REDACTED&b=REDACTED`, and anything unusual `REDACTED`. instrumentation-http redacts a few well-known parameters
 * only, instrumentation-undici none. (Headers: src/services/redact-headers.ts. The SDK's log:
 * log-diagnostics.ts. Messages about settings: src/config/config.ts. What is not: docs/reliability.md, "Secrets")
 */
export function redactQuery(url = ''): Attributes {
  const start = url.indexOf('?');
  if (start < 0) return {};
  const parameters = url.slice(start + 1).split('&');
  const isUsual = parameters.length <= maxParameters && parameters.every((text) => parameter.test(text));
  return {
    'url.query': isUsual ? parameters.map((text) => text.replace(parameter, '$1REDACTED')).join('&') : 'REDACTED',
  };
}

/** The same for CLIENT spans, which have the whole URL. */
export function redactFullUrl(url: string): Attributes {
  return { 'url.full': url.split('?', 1)[0], ...redactQuery(url) };
}
