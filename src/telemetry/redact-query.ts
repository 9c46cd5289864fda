import type { Attributes } from '@opentelemetry/api';

/**
 * Attributes that overwrite the query string, which may hold a secret. instrumentation-http redacts a few well-known
 * parameters only, instrumentation-undici none.
 */
export function redactQuery(url = ''): Attributes {
  return url.includes('?') ? { 'url.query': '[redacted]' } : {};
}
