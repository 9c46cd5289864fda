// A request's failure percentage travels with it as OpenTelemetry baggage, in the `baggage` header
// (https://www.w3.org/TR/baggage/): every service downstream of service1 can read it, although no code passes it on.
// (Its default is INTENTIONAL_FAILURE_PCT in otel.env.)
import { type Context, context, propagation } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { quote } from '../config/quote.ts';
import { invalidParameter } from './invalid-parameter.ts';

const key = 'failure_pct';
const accepts = (text: string) => /^(100|[1-9]?\d)$/.test(text);
const allowed = 'an integer from 0 to 100';

/**
 * The active context with the `failure_pct` of a query string in its baggage, in place of the caller's. If baggage isn't
 * propagated, the parameter is ignored, with a warning: the other services would not see it.
 * @throws an Error with status 400 if the parameter is not one integer from 0 to 100
 */
export function withFailurePct(parameter: unknown, log: Logger): Context {
  if (parameter === undefined) return context.active();
  if (typeof parameter !== 'string' || !accepts(parameter)) throw invalidParameter(key, parameter, allowed);
  if (!propagation.fields().includes('baggage')) {
    log.warn(`ignored ${key}=${parameter}: baggage is not propagated, see OTEL_PROPAGATORS`);
    return context.active();
  }
  // First, because the propagator sends the first 180 entries, 8192 bytes in all.
  let baggage = propagation.createBaggage().setEntry(key, { value: parameter });
  for (const [name, entry] of propagation.getActiveBaggage()?.getAllEntries() ?? [])
    if (name !== key) baggage = baggage.setEntry(name, entry);
  return propagation.setBaggage(context.active(), baggage);
}

/** The percentage in the active context; `fallback` if it is absent or invalid. An invalid one is logged. */
export function getFailurePct(fallback: number, log: Logger): number {
  const value = propagation.getActiveBaggage()?.getEntry(key)?.value;
  if (value === undefined) return fallback;
  if (accepts(value)) return Number(value);
  log.warn(`ignored the baggage ${key}=${quote(value)}: it must be ${allowed}`);
  return fallback;
}
