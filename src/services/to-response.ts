import type { Logger } from 'pino';
import { DownstreamError } from './fetch-status.ts';

/**
 * Builds the response to a request from the calls that it made, each resolving to a status: 200 if every call got a
 * response, whatever its status, else 502. The log has the internal addresses, the response does not.
 * @throws the error of a call, if it is not a DownstreamError
 */
export async function toResponse(calls: Record<string, Promise<number>>, log: Logger) {
  const response_codes: Record<string, number | null> = {};
  const errors: Record<string, { status: number; message: string }> = {};
  await Promise.allSettled(Object.values(calls));
  for (const [name, call] of Object.entries(calls)) {
    try {
      response_codes[name] = await call;
    } catch (error) {
      if (!(error instanceof DownstreamError)) throw error;
      const { status, message } = error;
      response_codes[name] = null;
      errors[name] = { status, message: status === 504 ? `no response from ${name} in time` : `can't reach ${name}` };
      log.error(`${name}: ${message}`);
    }
  }
  const failed = Object.keys(errors).length > 0;
  return failed ? { status: 502, body: { response_codes, errors } } : { status: 200, body: { response_codes } };
}
