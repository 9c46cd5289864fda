import type { Attributes } from '@opentelemetry/api';
import { ATTR_URL_QUERY } from '@opentelemetry/semantic-conventions';

const redacted = { [ATTR_URL_QUERY]: '[redacted]' };

/**
 * Attributes that overwrite the query string, which may hold a secret. instrumentation-http redacts a few well-known
 * parameters only, instrumentation-undici none.
 */
export function redactQuery(url = ''): Attributes {
  return url.includes('?') ? redacted : {};
}
