import type { Logger } from 'pino';
import { DownstreamError } from './downstream-error.ts';

/** Resolves to the status of a call, or to its DownstreamError. Any other error is thrown. */
export async function settle(call: Promise<number>): Promise<number | DownstreamError> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DownstreamError) return error;
    throw error;
  }
}

/** Builds the response: 200 if every call got a response, whatever its status, else 502. Internal addresses are only logged. */
export function report(calls: Record<string, number | DownstreamError>, log: Logger) {
  const response_codes: Record<string, number | null> = {};
  const errors: Record<string, { status: number; message: string }> = {};
  for (const [name, outcome] of Object.entries(calls)) {
    response_codes[name] = typeof outcome === 'number' ? outcome : null;
    if (typeof outcome === 'number') continue;
    const { status, message } = outcome;
    errors[name] = { status, message: status === 504 ? `no response from ${name} in time` : `can't reach ${name}` };
    log.error(`${name}: ${message}`);
  }
  const failed = Object.keys(errors).length > 0;
  return failed ? { status: 502, body: { response_codes, errors } } : { status: 200, body: { response_codes } };
}
