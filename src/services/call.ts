// Calls another service, and turns the outcomes into a response.
import type { Logger } from 'pino';

/** A call without a complete response: 502 if the call failed, 504 if it timed out. */
export class DownstreamError extends Error {
  override name = 'DownstreamError';
  status: 502 | 504;

  constructor(status: 502 | 504, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/**
 * Sends `GET url` and returns the status of the response, once all of it has arrived. Redirects are not followed: the
 * next host would get the trace headers and the caller's baggage.
 * @throws DownstreamError if there is no complete response within `timeoutMs` milliseconds
 */
export async function getStatus(url: string, timeoutMs: number): Promise<number> {
  // Not AbortSignal.timeout: the error.type of the CLIENT span would be 23, the code of its DOMException.
  // (docs/upstream.md)
  const controller = new AbortController();
  const abort = () => {
    controller.abort(new DownstreamError(504, `no response from ${originOf(url)} within ${timeoutMs} ms`));
  };
  const timer = setTimeout(abort, timeoutMs);
  try {
    const response = await fetch(url, { signal: controller.signal, redirect: 'manual' });
    // The CLIENT span ends when the body has been read. It is discarded chunk by chunk, because it may be huge.
    for await (const _ of response.body ?? []);
    return response.status;
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw new DownstreamError(502, `can't reach ${originOf(url)}: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves to the status of a call, or to its DownstreamError. Any other error is thrown. */
export async function outcome(call: Promise<number>): Promise<number | DownstreamError> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DownstreamError) return error;
    throw error;
  }
}

/** Builds the response: 200 if every call got one, whatever its status, else 502. Logs internal addresses. */
export function toResponse(calls: Record<string, number | DownstreamError>, log: Logger) {
  const response_codes: Record<string, number | null> = {};
  const errors: Record<string, { status: number; message: string }> = {};
  for (const [name, result] of Object.entries(calls)) {
    response_codes[name] = typeof result === 'number' ? result : null;
    if (typeof result === 'number') continue;
    const { status, message } = result;
    errors[name] = { status, message: status === 504 ? `no response from ${name} in time` : `can't reach ${name}` };
    log.error(`${name}: ${message}`);
  }
  const failed = Object.keys(errors).length > 0;
  return failed ? { status: 502, body: { response_codes, errors } } : { status: 200, body: { response_codes } };
}

/** Messages reach logs and spans: omit the query string. */
const originOf = (url: string) => new URL(url).origin;

/** fetch says only "fetch failed"; its cause has a code but no message if several addresses were tried. */
function reasonOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown };
  const { message, code } = cause as { message?: string; code?: string };
  return message || code || String(cause);
}
