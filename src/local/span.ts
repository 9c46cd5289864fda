// Zipkin's span model (https://zipkin.io/zipkin-api/), as the viewer keeps it: other fields are dropped, long texts are cut.
import * as v from 'valibot';

const maxText = 16_384; // characters; a stack trace fits
const maxEntries = 200; // tags, or annotations, of one span

const cut = (value: string) => (value.length > maxText ? `${value.slice(0, maxText)} … (cut)` : value);
const text = v.pipe(v.string(), v.transform(cut));
const lowerCase = v.pipe(text, v.toLowerCase());
const micros = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const hexRule = (digits: number) => `must be 1 to ${digits} lower-case hex digits, not all zeros`;
const hex = (digits: number) =>
  v.pipe(v.string(hexRule(digits)), v.regex(RegExp(`^(?!0+$)[0-9a-f]{1,${digits}}$`), hexRule(digits)));
const to16Digits = v.transform((id: string) => id.padStart(16, '0'));
const to16Or32Digits = v.transform((id: string) => id.padStart(32, '0').replace(/^0{16}/, ''));
const spanId = v.pipe(hex(16), to16Digits);
const traceId = v.pipe(hex(32), to16Or32Digits);

const endpoint = v.object({
  serviceName: v.optional(lowerCase),
  ipv4: v.optional(text),
  ipv6: v.optional(text),
  port: v.optional(v.number()),
});
const firstTags = (tags: Record<string, string>) => Object.fromEntries(Object.entries(tags).slice(0, maxEntries));
const annotation = v.object({ timestamp: micros, value: text });
const firstAnnotations = (all: v.InferOutput<typeof annotation>[]) => all.slice(0, maxEntries);

const span = v.object({
  traceId,
  id: spanId,
  parentId: v.optional(spanId),
  kind: v.optional(text),
  name: v.optional(lowerCase),
  timestamp: v.optional(micros), // since 1970
  duration: v.optional(micros),
  shared: v.optional(v.boolean()),
  debug: v.optional(v.boolean()),
  localEndpoint: v.optional(endpoint),
  remoteEndpoint: v.optional(endpoint),
  tags: v.optional(v.pipe(v.record(text, text), v.transform(firstTags))),
  annotations: v.optional(v.pipe(v.array(annotation), v.transform(firstAnnotations))),
});

export type ZipkinSpan = v.InferOutput<typeof span>;

export const parseSpans = (body: unknown) => parse(v.array(span, 'must be a JSON list of spans'), body, 'spans');
export const parseTraceId = (id: string) => parse(traceId, id, `trace id ${JSON.stringify(id)}`);

/** @throws Error with status 400: it names the first invalid field */
function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown, label: string): T {
  const { success, output, issues } = v.safeParse(schema, value, { abortEarly: true });
  if (success) return output;
  const path = [label, v.getDotPath(issues[0])].filter(Boolean).join('.');
  throw Object.assign(new Error(`${path}: ${issues[0].message.slice(0, 200)}`), { status: 400 });
}
