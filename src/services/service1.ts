import { context, trace } from '@opentelemetry/api';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { getFailurePct, withFailurePct } from './failure-pct.ts';
import { fetchStatus } from './fetch-status.ts';
import { invalidParameter } from './invalid-parameter.ts';
import { redactHeaders } from './redact-headers.ts';
import { toResponse } from './to-response.ts';
import { traceLink } from './trace-link.ts';
import { withSpan } from './with-span.ts';

/**
 * Calls service2, then service3 (with `?parallel=1`, both at once), and reports the status of each: responds 200 even if
 * service2 responded 500.
 */
export function service1(config: Config, log: Logger): RequestHandler {
  const { SERVICE2_URL, SERVICE3_URL, DOWNSTREAM_TIMEOUT_MS: timeoutMs } = config;
  return async (req, res) => {
    // An attribute added by hand to the active span, the automatic SERVER span. (In a real service, list the headers in
    // instrumentation-http's headersToSpanAttributes: they become the standard `http.request.header.<name>`.)
    trace.getActiveSpan()?.setAttribute('user_headers', JSON.stringify(redactHeaders(req.headers)));

    const { failure_pct, parallel = '0' } = req.query;
    if (parallel !== '0' && parallel !== '1') throw invalidParameter('parallel', parallel, '0 or 1');

    await context.with(withFailurePct(failure_pct, log), async () => {
      const call2 = withSpan('call_service2_from_service1', () => fetchStatus(SERVICE2_URL, timeoutMs));
      if (parallel === '0') await Promise.allSettled([call2]);
      const call3 = withSpan('call_service3_from_service1', () => fetchStatus(SERVICE3_URL, timeoutMs));
      const { status, body } = await toResponse({ service2: call2, service3: call3 }, log);
      const failure_chance_pct = getFailurePct(config.INTENTIONAL_FAILURE_PCT, log);
      res.status(status).json({ failure_chance_pct, ...body, ...traceLink(config.TRACE_UI_URL) });
    });
  };
}
