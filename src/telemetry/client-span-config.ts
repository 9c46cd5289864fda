import type { UndiciInstrumentationConfig } from '@opentelemetry/instrumentation-undici';
import { redactQuery } from './redact-query.ts';

/** Settings for UndiciInstrumentation: CLIENT spans without the query string. */
export const clientSpanConfig: UndiciInstrumentationConfig = {
  startSpanHook: ({ origin, path }) => ({
    ...redactQuery(path),
    'url.full': `${origin}${path.split('?', 1)[0]}`,
  }),
};
