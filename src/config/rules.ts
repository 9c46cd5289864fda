// Valid values of environment variables. The message of each rule completes the sentence "it must be …".
import { isIP } from 'node:net';
import * as v from 'valibot';
import { isBlockedPort } from './blocked-ports.ts';

const text = (allowed: string, isValid: (value: string) => boolean) =>
  v.pipe(v.string(allowed), v.check(isValid, allowed));
const splitList = <T extends string>(value: string) => value.split(',').map((item) => item.trim() as T);
const isListOf = (names: string[]) => (list: string) =>
  list.trim() === 'none' || splitList(list).every((item) => names.includes(item));

export const oneOf = <const T extends string>(...names: T[]) => v.picklist(names, names.join(' | '));

export const oneOfAnyCase = <const T extends string>(...names: T[]) =>
  v.pipe(v.string(names.join(' | ')), v.toLowerCase(), oneOf(...names));

/** The items of the list; `['none']` for none. */
export const listOf = <const T extends string>(...names: T[]) =>
  v.pipe(
    text(`none, or a comma-separated list of ${names.join(', ')}`, isListOf(names)),
    v.transform(splitList<T | 'none'>),
  );

/** In a list with `zipkin`, the SDK would create its own exporter for Zipkin, without our timeout and retries. */
export const tracesExporter = v.pipe(
  text(
    'zipkin alone, none, or a comma-separated list of otlp, console',
    (list) => list.trim() === 'zipkin' || isListOf(['otlp', 'console'])(list),
  ),
  v.transform(splitList<'zipkin' | 'otlp' | 'console' | 'none'>),
);

/** The SDK discards the whole list if one item is invalid. */
export const keyValueList = text('a comma-separated list of key=value, both percent-encoded', (list) =>
  list.split(',').every((item) => /^([^=%]|%[0-9a-f]{2}){1,255}=([^=%]|%[0-9a-f]{2}){0,255}$/i.test(item)),
);

/** A decimal integer, converted to a number. */
export const integer = (min: number, max: number, note = '') => {
  const isValid = (digits: string) =>
    /^(0|[1-9]\d{0,9})$/.test(digits) && Number(digits) >= min && Number(digits) <= max;
  return v.pipe(text(`an integer from ${min} to ${max}${note}`, isValid), v.transform(Number));
};
export const milliseconds = (min: number, max: number) => integer(min, max, ' (milliseconds)');

export const ratio = text('a number from 0 to 1', (value) => /^\d*\.?\d+$/.test(value) && Number(value) <= 1);

export const host = text('an IP address or localhost', (value) => isIP(value) > 0 || value === 'localhost');

export const isHttpUrl = (url: string) => /^https?:\/\/[^\s/]\S*$/.test(url) && URL.canParse(url);
const httpUrl = text('an http:// or https:// URL', isHttpUrl);

/**
 * Of gRPC's forms, those that OpenTelemetry's exporter understands: with `dns:///host` it would connect to an empty host.
 * Upstream: otlp-grpc-exporter-base: gRPC's own forms of an endpoint
 */
export const isGrpcTarget = (target: string) =>
  /^unix:\/\/\S+$/.test(target) || (/^[^\s/@?#]+$/.test(target) && URL.canParse(`https://${target}`));

/** User name and password are decoded for a header: a bare `%` in them would throw. */
export const zipkinUrl = v.pipe(
  httpUrl,
  v.check(hasDecodableLogin, 'a URL with user name and password percent-encoded (% is %25)'),
);

/** fetch rejects URLs with a user name or password. */
export const downstreamUrl = v.pipe(
  text('an http:// or https:// URL without user name and password', (url) => isHttpUrl(url) && !url.includes('@')),
  v.check(hasFetchablePort, 'a URL with a port that fetch accepts'),
);

export const port = v.pipe(
  integer(0, 65_535, ' (0: any free port)'),
  v.check((number) => !isBlockedPort(number), 'a port that fetch and browsers accept'),
);

function hasFetchablePort(url: string): boolean {
  return !isHttpUrl(url) || !isBlockedPort(Number(new URL(url).port));
}

function hasDecodableLogin(url: string): boolean {
  if (!isHttpUrl(url)) return true; // reported by the rule before
  const { username, password } = new URL(url);
  try {
    return decodeURIComponent(username + password) !== undefined;
  } catch {
    return false;
  }
}

export const traceUiUrl = text(
  'an http:// or https:// URL that contains {traceId}',
  (url) => url.includes('{traceId}') && isHttpUrl(url),
);
