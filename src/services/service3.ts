import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestHandler } from 'express';
import type { Config } from '../config/config.ts';
import { withSpan } from './with-span.ts';

/** Sleeps, in place of real work. */
export function service3(config: Config): RequestHandler {
  return async (_req, res) => {
    await withSpan('sleep_service3', () => sleep(config.SERVICE3_SLEEP_MS));
    res.json({ slept_ms: config.SERVICE3_SLEEP_MS });
  };
}
