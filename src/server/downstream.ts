import type { Logger } from 'pino';

/** A call that brought no answer: 502 where the service can't be reached, 504 where it did not answer in time. */
export class DownstreamError extends Error {
  override name = 'DownstreamError';
  status: 502 | 504;

  constructor(status: 502 | 504, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/**
 * Sends `GET url` and gives the status of the answer, once all of it has arrived.
 * @throws DownstreamError where there is no whole answer within `timeoutMs` milliseconds.
 */
export async function getStatus(url: string, timeoutMs: number): Promise<number> {
  const { origin } = new URL(url); // a message goes to logs and spans, where a query has no business
  try {
    // Not an AbortController of our own: its abort would leave the CLIENT span without an error.
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    // The CLIENT span ends when the body has been read. It is thrown away piece by piece: it may be huge.
    for await (const _ of response.body ?? []);
    return response.status;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      throw new DownstreamError(504, `no answer from ${origin} within ${timeoutMs} ms`, { cause: error });
    }
    throw new DownstreamError(502, `can't reach ${origin}: ${reason(error)}`, { cause: error });
  }
}

/** The status, or the DownstreamError, that a call ended with. Any other error is thrown on. */
export async function settle(call: Promise<number>): Promise<number | DownstreamError> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DownstreamError) return error;
    throw error;
  }
}

/** How the calls of a request ended, as its answer says it: 200 where each was answered, with whatever status, else 502 and a log line. */
export function report(calls: Record<string, number | DownstreamError>, log: Logger) {
  const response_codes: Record<string, number | null> = {};
  const errors: Record<string, { status: number; message: string }> = {};
  for (const [name, outcome] of Object.entries(calls)) {
    response_codes[name] = typeof outcome === 'number' ? outcome : null;
    if (typeof outcome === 'number') continue;
    const { status, message } = outcome;
    errors[name] = { status, message };
    log.error(`${name}: ${message}`);
  }
  const failed = Object.keys(errors).length > 0;
  return failed ? { status: 502, body: { response_codes, errors } } : { status: 200, body: { response_codes } };
}

/** fetch says only "fetch failed"; what failed stands in its cause. */
function reason(error: unknown): string {
  const { cause = error } = error as { cause?: { message?: string; code?: string } };
  const { message, code } = cause as { message?: string; code?: string };
  return message || code || String(cause); // no message: several addresses were tried (AggregateError)
}
