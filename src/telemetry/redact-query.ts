import type { Attributes } from '@opentelemetry/api';

/**
 * Attributes that overwrite the query string of a URL, which may hold a secret. instrumentation-http redacts a few
 * well-known parameters only, instrumentation-undici none.
 */
export function redactQuery(url = ''): Attributes {
  return url.includes('?') ? { 'url.query': 'REDACTED' } : {};
}

/** The same for CLIENT spans, which have the whole URL. */
export function redactFullUrl(url: string): Attributes {
  return { 'url.full': url.split('?', 1)[0], ...redactQuery(url) };
}
