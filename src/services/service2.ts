import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { getFailurePct } from './failure-pct.ts';
import { fetchStatus } from './fetch-status.ts';
import { toResponse } from './to-response.ts';
import { withSpan } from './with-span.ts';

/** Calls service3, or fails on purpose before it does. */
export function service2(config: Config, log: Logger): RequestHandler {
  const timeoutMs = Math.ceil(config.DOWNSTREAM_TIMEOUT_MS / 2); // half of service1's, which therefore gets a response

  return async (_req, res) => {
    const call = withSpan('call_service3_from_service2', async (span) => {
      const pct = getFailurePct(config.INTENTIONAL_FAILURE_PCT, log);
      span.setAttribute('demo.failure_chance_pct', pct);
      if (Math.random() * 100 < pct) throw new Error(`Intentional ${pct}% failure`);
      return fetchStatus(config.SERVICE3_URL, timeoutMs);
    });

    const { status, body } = await toResponse({ service3: call }, log);
    res.status(status).json(body);
  };
}
