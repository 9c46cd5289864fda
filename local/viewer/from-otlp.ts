// OTLP (https://opentelemetry.io/docs/specs/otlp/) as spans in Zipkin's format, by
// https://github.com/open-telemetry/opentelemetry-specification/blob/v1.60.0/specification/trace/sdk_exporters/zipkin.md
// As in proto3, a field that is absent or null has its default. Requests arrive in otlp-http.ts and otlp-grpc.ts.
import type { AttributeValue } from '@opentelemetry/api';
import * as v from 'valibot';
import { addScope, toAnnotation, toRemoteEndpoint, toTags, wholeMicros } from '../../src/telemetry/zipkin-format.ts';
import { parse, parseSpans, type ZipkinSpan } from './span.ts';

type AnyValue = {
  arrayValue?: { values: AnyValue[] } | null | undefined;
  kvlistValue?: { values: Attribute[] } | null | undefined;
  intValue?: string | number | null | undefined;
  [scalar: string]: unknown;
};
type Attribute = { key: string; value: AnyValue };

const maxDepth = 20;
const maxProcessText = 8192; // characters of the tags of a process, which all of its spans have
const maxProcessTag = 1024;

const list = <S extends v.GenericSchema>(item: S) => v.nullish(v.array(v.nullish(item, {})), []);
const message = <const E extends v.ObjectEntries>(entries: E) =>
  v.pipe(
    v.custom<object>((value) => !Array.isArray(value), 'must be an object'),
    v.object(entries),
  );
const attributeOf = (value: v.GenericSchema<unknown, AnyValue>) =>
  message({ key: v.nullish(v.string(), ''), value: v.nullish(value, {}) });
let anyValue: v.GenericSchema<unknown, AnyValue> = v.pipe(
  v.unknown(),
  v.transform(() => ({ stringValue: '…' })), // deeper than maxDepth
);
for (let depth = 0; depth <= maxDepth; depth++) {
  const listOf = <S extends v.GenericSchema>(item: S) => v.nullish(message({ values: list(item) }));
  const intValue = v.nullish(v.union([v.string(), v.number()]));
  anyValue = v.looseObject({ arrayValue: listOf(anyValue), kvlistValue: listOf(attributeOf(anyValue)), intValue });
}
const attributesSchema = list(attributeOf(anyValue));
const nanos = v.nullish(v.pipe(v.union([v.string(), v.number()]), v.toNumber()), 0);
const text = v.nullish(v.string(), '');
const number = v.nullish(v.number(), 0);
/** JSON has hex digits, protobuf has bytes. */
const idOf = (bytes: number, isOptional = false) =>
  v.pipe(
    v.nullish(v.union([v.string(), v.instance(Uint8Array)]), ''),
    v.transform((id) => (typeof id === 'string' ? id.toLowerCase() : Buffer.from(id).toString('hex'))),
    v.regex(RegExp(`^([0-9a-f]{${2 * bytes}}${isOptional ? '|' : ''})$`), `must be ${2 * bytes} hex digits`),
  );
const eventSchema = message({ timeUnixNano: nanos, name: text, attributes: attributesSchema });
const spanSchema = message({
  traceId: idOf(16),
  spanId: idOf(8),
  parentSpanId: idOf(8, true),
  name: text,
  kind: number,
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes: attributesSchema,
  events: list(eventSchema),
  status: v.nullish(message({ code: number, message: text }), {}),
});
const scopeSchema = v.nullish(message({ name: text, version: text }), {});
const resourceSchema = v.nullish(message({ attributes: attributesSchema }), {});
const requestSchema = message({
  resourceSpans: list(
    message({
      resource: resourceSchema,
      scopeSpans: list(message({ scope: scopeSchema, spans: list(spanSchema) })),
    }),
  ),
});

const kinds = [undefined, undefined, 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

/**
 * The spans of an ExportTraceServiceRequest.
 * @throws Error with status 400: it names the first invalid field
 */
export function fromOtlp(body: unknown): ZipkinSpan[] {
  const spans = parse(requestSchema, body, 'request').resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const tags = toTags(plainValues(resource.attributes));
    const ofProcess = { service: tags['service.name'], tags: cutProcessTags(tags) };
    return scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => toZipkin(span, scope, ofProcess)));
  });
  return parseSpans(spans);
}

function toZipkin(
  { traceId, spanId, parentSpanId, name, kind, attributes, events, status, ...times }: v.InferOutput<typeof spanSchema>,
  scope: v.InferOutput<typeof scopeSchema>,
  ofProcess: { service: string | undefined; tags: Record<string, string> },
) {
  const tags: Record<string, string> = { ...toTags(plainValues(attributes)), ...ofProcess.tags };
  addScope(tags, scope);
  if (status.code > 0) tags['otel.status_code'] = status.code === 1 ? 'OK' : 'ERROR';
  if (status.code === 2) tags.error = status.message || tags['error.type'] || 'true';
  return {
    traceId,
    id: spanId,
    parentId: parentSpanId || undefined,
    name,
    kind: kinds[kind],
    timestamp: wholeMicros(times.startTimeUnixNano / 1000),
    duration: wholeMicros((times.endTimeUnixNano - times.startTimeUnixNano) / 1000),
    localEndpoint: { serviceName: ofProcess.service },
    remoteEndpoint: toRemoteEndpoint(kinds[kind], tags),
    tags,
    annotations: events.map(({ timeUnixNano, name, attributes }) => ({
      timestamp: wholeMicros(timeUnixNano / 1000),
      value: toAnnotation(name, plainValues(attributes)),
    })),
  };
}

/** The first tags, cut: all spans of a process have them, and would fill the memory. */
function cutProcessTags(tags: Record<string, string>): Record<string, string> {
  const kept: [string, string][] = [];
  let left = maxProcessText;
  for (const [key, text] of Object.entries(tags)) {
    const short = text.length > maxProcessTag ? `${text.slice(0, maxProcessTag)} … (cut)` : text;
    left -= key.length + short.length;
    if (left < 0) break;
    kept.push([key, short]);
  }
  return Object.fromEntries(kept);
}

const plainValues = (attributes: Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));

/** The value of an AnyValue: its only field has it. */
function plainValue({ arrayValue, kvlistValue, intValue, ...scalars }: AnyValue): AttributeValue | undefined {
  if (arrayValue) return arrayValue.values.map(plainValue);
  if (kvlistValue) return plainValues(kvlistValue.values);
  if (intValue === undefined || intValue === null) return Object.values(scalars).find(isPresent) as AttributeValue;
  return Number.isSafeInteger(Number(intValue)) ? Number(intValue) : `${intValue}`; // with all its digits
}
const isPresent = (value: unknown) => value !== undefined && value !== null;
