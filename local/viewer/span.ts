// Zipkin's span model (https://zipkin.io/zipkin-api/), as the viewer keeps it: other fields are dropped, long texts are
// cut. Nearly all odd values are taken, converted or refused as by Zipkin 3.6.1.
import { isIPv6 } from 'node:net';
import * as v from 'valibot';

const maxText = 16_384; // characters; a stack trace fits
const maxEntries = 200; // tags, or annotations, of a span

/** A field that may be absent. null counts as absent, too. */
const field = <S extends v.GenericSchema>(schema: S) =>
  v.optional(
    v.pipe(
      v.nullable(schema),
      v.transform((value) => value ?? undefined),
    ),
  );
/** Turns invalid values into absent ones. */
const keepIf = <T>(isValid: (value: T) => boolean) => v.transform((value: T) => (isValid(value) ? value : undefined));
const isPositive = (number: number) => number > 0;
const isNotEmpty = (text: string) => text !== '';

const cut = (value: string) => (value.length > maxText ? `${value.slice(0, maxText)} … (cut)` : value);
const text = v.pipe(v.union([v.string(), v.number()]), v.toString(), v.transform(cut));
const lowerCase = v.pipe(text, v.toLowerCase());
const decimal = v.pipe(v.string(), v.regex(/^\s*[-+]?[\d.]+(e[-+]?\d+)?\s*$/i));
const integer = v.pipe(v.union([v.number(), decimal]), v.toNumber(), v.integer(), v.maxValue(2 ** 63));
const micros = field(v.pipe(integer, keepIf(isPositive)));
const flag = field(
  v.pipe(
    v.boolean(),
    keepIf((isSet: boolean) => isSet),
  ),
);

function hex(digits: number, pad: (id: string) => string) {
  const rule = `must be 1 to ${digits} lower-case hex digits, not all zeros`;
  return v.pipe(
    v.union([v.string(rule), v.number()], rule),
    v.toString(),
    v.regex(RegExp(`^(?!0+$)[0-9a-f]{1,${digits}}$`), rule),
    v.transform(pad),
  );
}
const spanId = hex(16, (id) => id.padStart(16, '0'));
const traceId = hex(32, (id) => id.padStart(32, '0').replace(/^0{16}/, ''));
const noSpanId = v.pipe(
  v.string(),
  v.regex(/^0{1,16}$/),
  v.transform(() => undefined),
);
const limitRule = 'must be an integer from 1 to 999999';
const limit = v.pipe(v.string(limitRule), v.regex(/^[1-9]\d{0,5}$/, limitRule), v.toNumber());

const byte = '(?:25[0-5]|2[0-4]\\d|[01]?\\d?\\d)';
const plainOrEmbeddedIpv4 = RegExp(`^(?:::(?:ffff:)?)?(${byte}(?:\\.${byte}){3})$`, 'i');

/** An address in either field: IPv4, also as a part of IPv6, as it is; IPv6 in its shortest form. */
function parseAddress(text: string): { ipv4?: string; ipv6?: string } | undefined {
  const [, ipv4] = text.match(plainOrEmbeddedIpv4) ?? [];
  if (ipv4) return { ipv4 };
  const isPlainIpv6 = isIPv6(text) && !/[.%]/.test(text);
  return isPlainIpv6 ? { ipv6: new URL(`http://[${text}]`).hostname.slice(1, -1) } : undefined;
}
const address = field(v.pipe(text, v.transform(parseAddress)));
const port = field(v.pipe(integer, v.maxValue(65_535), keepIf(isPositive)));
const endpoint = v.pipe(
  v.object({ serviceName: field(v.pipe(lowerCase, keepIf(isNotEmpty))), ipv4: address, ipv6: address, port }),
  v.transform(({ serviceName, ipv4, ipv6, port }) => ({ serviceName, ...ipv4, ...ipv6, port })),
  keepIf((fields) => Object.values(fields).some((value) => value !== undefined)),
);
/** v.record would drop `constructor` and the like. */
const tags = v.pipe(
  v.custom<Record<string, unknown>>((value) => v.is(v.looseObject({}), value) && !Array.isArray(value)),
  v.rawTransform(({ dataset: { value: input }, addIssue }) => {
    const kept = Object.entries(input).map(([key, value]) => {
      const { success, output, issues } = v.safeParse(text, value);
      if (success) return [cut(key), output] as const;
      addIssue({ message: issues[0].message, path: [{ type: 'object', origin: 'value', input, key, value }] });
      return [key, ''] as const;
    });
    return Object.fromEntries(kept.slice(0, maxEntries));
  }),
);
const annotations = v.pipe(
  v.array(v.object({ timestamp: integer, value: text })),
  v.transform((all) => all.slice(0, maxEntries)),
);
const fields = v.object({
  traceId,
  id: spanId,
  parentId: field(v.union([noSpanId, spanId])),
  kind: field(v.picklist(['CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'])),
  name: field(v.pipe(lowerCase, keepIf(isNotEmpty))),
  timestamp: micros, // since 1970
  duration: micros,
  shared: flag,
  debug: flag,
  localEndpoint: field(endpoint),
  remoteEndpoint: field(endpoint),
  tags: field(tags),
  annotations: field(annotations),
});

/** A span that is its own parent has none. */
const span = v.pipe(
  fields,
  v.transform(({ parentId, ...span }) => (parentId && parentId !== span.id ? { ...span, parentId } : span)),
);

export type ZipkinSpan = v.InferOutput<typeof fields>;

export const parseSpans = (body: unknown) => parse(v.array(span, 'must be a JSON list of spans'), body, 'spans');
export const parseLimit = (value: unknown) => parse(limit, value, `limit ${JSON.stringify(value)}`);
export const parseTraceId = (id: string) => parse(traceId, id.trim().toLowerCase(), `trace id ${JSON.stringify(id)}`);

/** @throws Error with status 400: it names the first invalid field */
export function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown, label: string): T {
  const { success, output, issues } = v.safeParse(schema, value, { abortEarly: true });
  if (success) return output;
  const path = [label, v.getDotPath(issues[0])].filter(Boolean).join('.');
  throw Object.assign(new Error(`${path}: ${issues[0].message.slice(0, 200)}`), { status: 400 });
}
