import type { RequestHandler } from 'express';
import type { Config } from '../config.ts';
import { getStatus, report, settle } from '../downstream.ts';
import { withSpan } from '../span.ts';

/** Calls service3, or fails on purpose before it does. */
export function service2(config: Config): RequestHandler {
  const pct = config.intentionalFailurePct;
  const timeoutMs = Math.ceil(config.downstreamTimeoutMs / 2); // less than service1 waits, so that service1 hears of it

  return async (_req, res) => {
    const call = withSpan('call_service3_from_service2', async (span) => {
      span.setAttribute('demo.failure_chance_pct', pct);
      if (Math.random() * 100 < pct) throw new Error(`Intentional ${pct}% failure`);
      return getStatus(config.service3Url, timeoutMs);
    });

    const { status, body } = report({ service3: await settle(call) });
    res.status(status).json(body);
  };
}
