// Zipkin's span model (https://zipkin.io/zipkin-api/), as the viewer keeps it: other fields are dropped, long texts are
// cut.
import * as v from 'valibot';

const maxText = 16_384; // characters; a stack trace fits
const maxTags = 200;

const cut = (value: string) => (value.length > maxText ? `${value.slice(0, maxText)} … (cut)` : value);
const text = v.pipe(v.string(), v.transform(cut));
const lowerCase = v.pipe(text, v.toLowerCase());
const micros = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
function hex(digits: number, pad: (id: string) => string) {
  const rule = `must be 1 to ${digits} lower-case hex digits, not all zeros`;
  return v.pipe(v.string(rule), v.regex(RegExp(`^(?!0+$)[0-9a-f]{1,${digits}}$`), rule), v.transform(pad));
}
const spanId = hex(16, (id) => id.padStart(16, '0'));
const traceId = hex(32, (id) => id.padStart(32, '0').replace(/^0{16}/, ''));
const limitRule = 'must be an integer from 1 to 999999';
const limit = v.pipe(v.string(limitRule), v.regex(/^[1-9]\d{0,5}$/, limitRule), v.toNumber());

const endpoint = v.partial(v.object({ serviceName: lowerCase, ipv4: text, ipv6: text, port: v.number() }));
const tags = v.pipe(
  v.record(text, text),
  v.transform((all) => Object.fromEntries(Object.entries(all).slice(0, maxTags))),
);
const fields = v.partial(
  v.object({
    traceId,
    id: spanId,
    parentId: spanId,
    kind: text,
    name: lowerCase,
    timestamp: micros, // since 1970
    duration: micros,
    shared: v.boolean(),
    debug: v.boolean(),
    localEndpoint: endpoint,
    remoteEndpoint: endpoint,
    tags,
    annotations: v.array(v.object({ timestamp: micros, value: text })),
  }),
);
const span = v.required(fields, ['traceId', 'id']);

export type ZipkinSpan = v.InferOutput<typeof span>;

export const parseSpans = (body: unknown) => parse(v.array(span, 'must be a JSON list of spans'), body, 'spans');
export const parseLimit = (value: unknown) => parse(limit, value, `limit ${JSON.stringify(value)}`);
export const parseTraceId = (id: string) => parse(traceId, id.trim().toLowerCase(), `trace id ${JSON.stringify(id)}`);

/** @throws Error with status 400: it names the first invalid field */
function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown, label: string): T {
  const { success, output, issues } = v.safeParse(schema, value, { abortEarly: true });
  if (success) return output;
  const path = [label, v.getDotPath(issues[0])].filter(Boolean).join('.');
  throw Object.assign(new Error(`${path}: ${issues[0].message.slice(0, 200)}`), { status: 400 });
}
