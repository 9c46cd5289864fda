import { randomBytes } from 'node:crypto';
import {
  type Context,
  createContextKey,
  type TextMapGetter,
  type TextMapSetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { B3Propagator } from '@opentelemetry/propagator-b3';

// https://github.com/openzipkin/b3-propagation#single-header
const singleHeader = /^(?:[0-9a-f]{16}){1,2}-[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?$/;

// propagator-b3 keeps the debug flag in the context under this key (src/common.ts), which it doesn't export.
const debugKey = createContextKey('OpenTelemetry Context Key B3 Debug Flag');

/**
 * A B3Propagator without five of its differences from the B3 specification. propagator-b3 3.1.0 (src/B3*Propagator.ts):
 * - It keeps upper-case ids. Zipkin rejects them, and the whole batch with them: one caller could make it drop other
 *   requests' spans.
 * - It finds ids anywhere in the `b3` header, and ignores the X-B3-* headers beside an invalid one.
 * - It ignores "do not sample" without ids (`b3: 0`, `X-B3-Sampled: 0`).
 * - It loses the debug flag if it comes in one form and leaves in the other.
 * - It sends the debug flag with the ids of another trace, if a later propagator (tracecontext) finds that trace.
 *
 * Upstream: propagator-b3: differences from the B3 specification
 *
 * Two differences stay. IDs without a decision are not sampled: B3 leaves the decision to the receiver, but
 * OpenTelemetry's samplers can't tell that there is none. And "do not sample" without ids is ignored by samplers that
 * are not `parentbased_*`: the root of the trace that they start then has a parent that no span is.
 */
export class PatchedB3Propagator extends B3Propagator {
  override inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const debuggedTrace = context.getValue(debugKey);
    const debug = this.fields().includes('b3') ? 'd' : '1'; // X-B3-Flags: 1
    const isDebug = debuggedTrace === trace.getSpanContext(context)?.traceId;
    const sent = debuggedTrace ? context.setValue(debugKey, isDebug ? debug : undefined) : context;
    super.inject(sent, carrier, setter);
  }

  override extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const get = (name: string) => {
      const value = getter.get(carrier, name);
      return (typeof value === 'string' ? value : value?.[0])?.toLowerCase();
    };
    const found = super.extract(context, carrier, {
      keys: (headers) => getter.keys(headers),
      get(_headers, name) {
        const value = get(name);
        const isInvalid = name === 'b3' && !singleHeader.test(value ?? '');
        return isInvalid ? undefined : value;
      },
    });

    const spanContext = trace.getSpanContext(found);
    const isDebug = ['1', 'd'].includes(String(found.getValue(debugKey)));
    const extracted = isDebug ? found.setValue(debugKey, spanContext?.traceId) : found; // which trace is debugged

    const sampled = get('x-b3-sampled');
    const isDenied = get('b3') === '0' || sampled === '0' || sampled === 'false';
    if (!isDenied || spanContext) return extracted;
    // A sampling decision needs a parent. This one has random IDs: no such span exists.
    return trace.setSpanContext(extracted, {
      traceId: randomBytes(16).toString('hex'),
      spanId: randomBytes(8).toString('hex'),
      traceFlags: TraceFlags.NONE,
      isRemote: true,
    });
  }
}
