// OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) as spans in Zipkin's format, by
// https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/.
import type { Attributes, AttributeValue } from '@opentelemetry/api';
import * as v from 'valibot';
import { toAnnotation, toRemoteEndpoint, toTags, toText, wholeMicros } from '../../src/telemetry/zipkin-format.ts';
import { parse } from './span.ts';

type AnyValue = {
  arrayValue?: { values: AnyValue[] } | undefined;
  kvlistValue?: { values: Attribute[] } | undefined;
  intValue?: string | number | undefined;
  [scalar: string]: unknown;
};
type Attribute = { key: string; value?: AnyValue | undefined };

const maxDepth = 20;

const attributeOf = (value: v.GenericSchema<unknown, AnyValue>) =>
  v.object({ key: v.string(), value: v.optional(value) });
let anyValue: v.GenericSchema<unknown, AnyValue> = v.pipe(
  v.unknown(),
  v.transform(() => ({ stringValue: '…' })), // deeper than maxDepth
);
for (let depth = 0; depth <= maxDepth; depth++) {
  const listOf = <S extends v.GenericSchema>(item: S) =>
    v.optional(v.object({ values: v.optional(v.array(item), []) }));
  const intValue = v.optional(v.union([v.string(), v.number()]));
  anyValue = v.looseObject({ arrayValue: listOf(anyValue), kvlistValue: listOf(attributeOf(anyValue)), intValue });
}
const attributes = v.optional(v.array(attributeOf(anyValue)), []);
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
const scope = v.optional(v.object({ name: text }), {});
const scopeSpans = v.object({ scope, spans: v.optional(v.array(span), []) });
const resource = v.optional(v.object({ attributes }), {});
const resourceSpans = v.object({ resource, scopeSpans: v.optional(v.array(scopeSpans), []) });
const request = v.object({ resourceSpans: v.array(resourceSpans) }, 'must be an ExportTraceServiceRequest');

const kinds = [undefined, undefined, 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

/** @throws Error with status 400: it names the first invalid field */
export function fromOtlp(body: unknown): object[] {
  return parse(request, body, 'request').resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const ofProcess = plainValues(resource.attributes);
    return scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => toZipkin(span, scope.name, ofProcess)));
  });
}

function toZipkin(
  { traceId, spanId, parentSpanId, name, kind, attributes, events, status, ...times }: v.InferOutput<typeof span>,
  scopeName: string,
  ofProcess: Attributes,
) {
  const own = plainValues(attributes);
  const tags = toTags({ ...own, ...ofProcess, 'otel.scope.name': scopeName });
  if (status.code > 0) tags['otel.status_code'] = status.code === 1 ? 'OK' : 'ERROR';
  if (status.code === 2) tags.error = status.message || toText(own['error.type']) || 'true';
  return {
    traceId: traceId.toLowerCase(),
    id: spanId.toLowerCase(),
    parentId: parentSpanId.toLowerCase() || undefined,
    name,
    kind: kinds[kind],
    timestamp: wholeMicros(times.startTimeUnixNano / 1000),
    duration: wholeMicros((times.endTimeUnixNano - times.startTimeUnixNano) / 1000),
    localEndpoint: { serviceName: toText(ofProcess['service.name']) },
    remoteEndpoint: toRemoteEndpoint(kinds[kind], tags),
    tags,
    annotations: events.map(({ timeUnixNano, name, attributes }) => ({
      timestamp: wholeMicros(timeUnixNano / 1000),
      value: toAnnotation(name, plainValues(attributes)),
    })),
  };
}

const plainValues = (attributes: Attribute[]): Attributes =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));

/** The value of an AnyValue: its only field has it. */
function plainValue(value: AnyValue = {}): AttributeValue | undefined {
  const { arrayValue, kvlistValue, intValue, ...scalars } = value;
  if (arrayValue) return arrayValue.values.map(plainValue);
  if (kvlistValue) return plainValues(kvlistValue.values);
  if (intValue !== undefined) return Number(intValue); // may be a string
  return Object.values(scalars)[0] as AttributeValue;
}
