import type { UndiciInstrumentationConfig } from '@opentelemetry/instrumentation-undici';
import { ATTR_URL_FULL } from '@opentelemetry/semantic-conventions';
import { redactQuery } from './redact-query.ts';

/** Settings for UndiciInstrumentation: CLIENT spans without the query string. */
export const clientSpanConfig: UndiciInstrumentationConfig = {
  startSpanHook: ({ origin, path }) => ({
    ...redactQuery(path),
    [ATTR_URL_FULL]: `${origin}${path.split('?', 1)[0]}`,
  }),
};
