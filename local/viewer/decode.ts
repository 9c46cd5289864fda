// Bodies of requests. An invalid one is an error with status 400.
import { fileURLToPath } from 'node:url';
import express, { type Request } from 'express';
import protobuf from 'protobufjs';

const otlp = protobuf.loadSync(fileURLToPath(new URL('otlp.proto', import.meta.url)));
const exportRequest = otlp.lookupType('ExportTraceServiceRequest');

/** Reads a body of 20 MB at most: 512 spans, a batch of an SDK, of 33 KB each. */
export const readBody = express.raw({ type: () => true, limit: '20mb' });

/** The bytes that `readBody` has read. It sets none if a body is empty. */
export const bytesOf = ({ body = Buffer.alloc(0) }: Request): Buffer => body;

/** An ExportTraceServiceRequest as its JSON has it, but with bytes for IDs. */
export function decodeOtlp(body: Buffer): unknown {
  return invalidIfThrown(() => exportRequest.toObject(exportRequest.decode(body), { longs: String }));
}

/** JSON.parse, but an integer that a number can't hold is a string with its digits. */
export function decodeJson(body: Buffer): unknown {
  const text = body.toString();
  const mayLoseDigits = /(?<!["\d])(\d{17}|9\d{15})/.test(text);
  return invalidIfThrown(() => JSON.parse(text, mayLoseDigits ? keepDigits : undefined));
}

// TypeScript's types don't have the third parameter yet.
const keepDigits = (_key: string, value: unknown, context?: { source?: string }) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
    ? context?.source
    : value;

function invalidIfThrown<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw Object.assign(error as Error, { status: 400 });
  }
}
