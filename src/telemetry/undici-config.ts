import type { UndiciInstrumentationConfig } from '@opentelemetry/instrumentation-undici';
import { redactFullUrl } from './redact-query.ts';
import { omitEmptyAttributes } from './upstream/instrumentation-undici.ts';

/** Settings for UndiciInstrumentation: CLIENT spans without the query string. */
export const undiciConfig: UndiciInstrumentationConfig = {
  startSpanHook: ({ method, origin, path }) => ({
    ...omitEmptyAttributes(method),
    ...redactFullUrl(`${origin}${path}`),
  }),
};
