import { inspect } from 'node:util';

/**
 * A value as text, for a format without types: lists and objects as JSON, bytes as base64, null as ''.
 * https://opentelemetry.io/docs/specs/otel/common/#anyvalue-representation-for-non-otlp-protocols
 */
export function toText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return toBase64(value);
  try {
    return JSON.stringify(value, nestedValue);
  } catch {
    return inspect(value, { customInspect: false }); // circular, or too deep
  }
}

const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** A replacer for JSON.stringify. It reads the value from its parent, because a Buffer has been converted by then. */
function nestedValue(this: Record<string, unknown>, key: string): unknown {
  const value = this[key];
  if (value instanceof Uint8Array) return toBase64(value);
  const hasNoJson = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return hasNoJson ? String(value) : value;
}
