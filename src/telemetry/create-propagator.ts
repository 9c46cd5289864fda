import type { TextMapPropagator } from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { B3InjectEncoding } from '@opentelemetry/propagator-b3';
import { PatchedB3Propagator } from './upstream/propagator-b3/patched-b3-propagator.ts';

const propagators = {
  b3multi: () => new PatchedB3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  b3: () => new PatchedB3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }),
  tracecontext: () => new W3CTraceContextPropagator(),
  baggage: () => new W3CBaggagePropagator(),
} satisfies Record<string, () => TextMapPropagator>;

/**
 * Creates the propagators that OTEL_PROPAGATORS names; null, which turns propagation off, for `none`. The SDK's own
 * lookup would use B3Propagator instead of PatchedB3Propagator, which decides how B3 headers are read and written.
 */
export function createPropagator(names: (keyof typeof propagators | 'none')[]): TextMapPropagator | null {
  const chosen = names.filter((name) => name !== 'none').map((name) => propagators[name]());
  return chosen.length > 0 ? new CompositePropagator({ propagators: chosen }) : null;
}
