import type { Attributes } from '@opentelemetry/api';

const knownMethod = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT)$/;

/**
 * instrumentation-undici 0.34 (src/undici.ts) sets both attributes on every span. The conventions want the query only if
 * there is one, the original method only for an unknown one. Upstream: instrumentation-undici: empty attributes
 */
export const omitEmptyAttributes = (method: string): Attributes => ({
  'url.query': undefined,
  ...(knownMethod.test(method) && { 'http.request.method_original': undefined }),
});
