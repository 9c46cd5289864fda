// OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) as spans in Zipkin's format, by
// https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/.
import * as v from 'valibot';
import { correctZipkinSpan } from '../../telemetry/correct-zipkin-span.ts';
import { toText } from '../../telemetry/to-text.ts';
import { parse } from './span.ts';

type Attribute = { key: string; value?: AnyValue | undefined };
type AnyValue = {
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: Attribute[] };
  intValue?: string | number;
  [scalar: string]: unknown;
};

const maxDepth = 20;
const anyValue = v.custom<AnyValue>((value) => typeof value === 'object' && value !== null);
const attributes = v.optional(v.array(v.object({ key: v.string(), value: v.optional(anyValue) })), []);
const nanos = v.pipe(v.union([v.string(), v.number()]), v.toNumber());
const text = v.optional(v.string(), '');
const event = v.object({ timeUnixNano: nanos, name: text, attributes });
const span = v.object({
  traceId: v.string(),
  spanId: v.string(),
  parentSpanId: text,
  name: text,
  kind: v.optional(v.picklist([0, 1, 2, 3, 4, 5]), 0),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  events: v.optional(v.array(event), []),
  status: v.optional(v.object({ code: v.optional(v.picklist([0, 1, 2]), 0), message: text }), {}),
});
const scope = v.optional(v.object({ name: text, version: text }), {});
const scopeSpans = v.object({ scope, spans: v.optional(v.array(span), []) });
const resource = v.optional(v.object({ attributes }), {});
const resourceSpans = v.object({ resource, scopeSpans: v.optional(v.array(scopeSpans), []) });
const request = v.object({ resourceSpans: v.array(resourceSpans) }, 'must be an ExportTraceServiceRequest');

const kinds = [undefined, undefined, 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

/** @throws Error with status 400: it names the first invalid field */
export function fromOtlp(body: unknown): object[] {
  return parse(request, body, 'request').resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => toZipkin(span, scope, plainValues(resource.attributes))),
    ),
  );
}

function toZipkin(
  { traceId, spanId, parentSpanId, name, kind, attributes, events, status, ...times }: v.InferOutput<typeof span>,
  scope: v.InferOutput<typeof scopeSpans>['scope'],
  ofProcess: Record<string, unknown>,
) {
  const own = plainValues(attributes);
  const tags: Record<string, unknown> = { ...own, ...ofProcess, 'otel.scope.name': scope.name };
  if (own.error === false) delete tags.error;
  if (status.code > 0) tags['otel.status_code'] = status.code === 1 ? 'OK' : 'ERROR';
  if (status.code === 2) tags.error = status.message || own['error.type'] || true;
  const converted = correctZipkinSpan({
    traceId,
    id: spanId,
    parentId: parentSpanId || undefined,
    kind: kinds[kind],
    timestamp: times.startTimeUnixNano / 1000,
    duration: (times.endTimeUnixNano - times.startTimeUnixNano) / 1000,
    tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, toText(value)])),
    annotations: events.map(({ timeUnixNano, name, attributes }) => ({
      timestamp: timeUnixNano / 1000,
      value: attributes.length > 0 ? `${JSON.stringify(name)}: ${toText(plainValues(attributes))}` : name,
    })),
  });
  return { ...converted, name, localEndpoint: { serviceName: toText(ofProcess['service.name']) } };
}

const plainValues = (attributes: Attribute[], depth = 0): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value, depth)]));

/** The value of an AnyValue: its only field has it. */
function plainValue(value: AnyValue = {}, depth: number): unknown {
  const { arrayValue, kvlistValue, intValue, ...scalars } = value;
  if (depth > maxDepth) return '…';
  if (arrayValue) return (arrayValue.values ?? []).map((item) => plainValue(item, depth + 1));
  if (kvlistValue) return plainValues(kvlistValue.values ?? [], depth + 1);
  if (intValue !== undefined) return Number(intValue); // may be a string
  return Object.values(scalars)[0];
}
