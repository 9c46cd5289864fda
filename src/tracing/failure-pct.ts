// How likely this request is to fail, in percent, travels with it as OpenTelemetry baggage: what service1 is asked for at the edge is
// there in every service behind it, though no call passes it on. (In the `baggage` header: https://www.w3.org/TR/baggage/)
import { type Context, context, propagation } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { integer } from '../config.ts';

const key = 'failure_pct';
const { accepts, allowed } = integer(0, 100);

/**
 * The active context with the `failure_pct` of a query string in its baggage, in place of what the caller's baggage had.
 * @throws an Error with status 400 where the parameter is there but is not one integer from 0 to 100.
 */
export function withFailurePct(parameter: unknown): Context {
  if (parameter === undefined) return context.active();
  if (typeof parameter !== 'string' || !accepts(parameter)) {
    const message = `${key}=${JSON.stringify(parameter)} is not valid: it must be ${allowed}, given once`;
    throw Object.assign(new Error(message), { status: 400 });
  }
  const baggage = propagation.getActiveBaggage() ?? propagation.createBaggage();
  return propagation.setBaggage(context.active(), baggage.setEntry(key, { value: parameter }));
}

/** The percentage that the active context carries; `byDefault` where it carries none, or one that is not valid, which is logged. */
export function getFailurePct(byDefault: number, log: Logger): number {
  const value = propagation.getActiveBaggage()?.getEntry(key)?.value;
  if (value === undefined) return byDefault;
  if (accepts(value)) return Number(value);
  log.warn(`ignored the baggage ${key}=${JSON.stringify(value.slice(0, 100))}: it must be ${allowed}`);
  return byDefault;
}
