import { lookup } from 'node:dns/promises';

export type Failure = { reason: string; isRetryable: boolean; retryAfterMs: number };

/**
 * Creates a function that sends a body of JSON to `endpoint`, a URL that may have a user name and password. The
 * function gives up after `limitMs` milliseconds, and resolves to undefined if the response has a 2xx status.
 */
export function createPost(endpoint: string) {
  // fetch refuses a URL with user name and password.
  const { username, password, hostname } = new URL(endpoint);
  const url = Object.assign(new URL(endpoint), { username: '', password: '' });
  const login = Buffer.from(decodeURIComponent(`${username}:${password}`)).toString('base64');
  const headers = { 'content-type': 'application/json', ...(username && { authorization: `Basic ${login}` }) };

  let pending: Promise<unknown> | undefined;
  /**
   * Resolves when the host's name has been looked up. A lookup can't be aborted: if name servers don't respond, it
   * occupies one of Node's two threads for lookups, for up to a minute. Attempts share one, so that the other thread is
   * free for the service's own calls.
   */
  const lookUp = () => {
    pending ??= lookup(hostname.replace(/^\[|\]$/g, '')).finally(() => {
      pending = undefined;
    });
    return pending;
  };

  return async (body: string, limitMs: number): Promise<Failure | undefined> => {
    const signal = AbortSignal.timeout(limitMs);
    const expired = new Promise((_, reject) => signal.addEventListener('abort', reject));
    try {
      await Promise.race([lookUp(), expired]);
      const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
      response.body?.cancel().catch(() => {}); // the status says all, and the body may never end
      if (response.ok) return undefined;
      const { status } = response;
      const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10) || 0; // as a date it is ignored
      const isRetryable = status === 429 || status >= 500;
      return { reason: `unexpected status ${status}`, isRetryable, retryAfterMs: seconds * 1000 };
    } catch (error) {
      const reason = signal.aborted ? `no response within ${limitMs} ms` : causeOf(error);
      return { reason, isRetryable: true, retryAfterMs: 0 };
    }
  };
}

/** fetch says only "fetch failed"; its cause has a code but no message if several addresses were tried. */
function causeOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown };
  const { message, code } = cause as { message?: string; code?: string };
  return message || code || String(cause);
}
