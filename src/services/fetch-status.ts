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
export async function fetchStatus(url: string, timeoutMs: number): Promise<number> {
  // With AbortSignal.timeout, the error.type of the CLIENT span would be 23, the code of its DOMException.
  // Upstream: instrumentation-undici: error.type after a timeout
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

/** Messages reach logs and spans: omit the query string. */
const originOf = (url: string) => new URL(url).origin;

/** fetch says only "fetch failed"; its cause has a code but no message if several addresses were tried. */
function reasonOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown };
  const { message, code } = cause as { message?: string; code?: string };
  return message || code || String(cause);
}
