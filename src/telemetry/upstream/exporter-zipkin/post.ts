import { lookup } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';

export type Failure = { reason: string; isRetryable: boolean; retryAfterMs: number };
type Post = (body: Buffer, limitMs: number) => Promise<number | Failure>;

/**
 * Creates a function that sends a body of JSON to `endpoint`, a URL that may have a user name and password. It resolves
 * to the status of the response if that is 2xx, else to a failure, after `limitMs` milliseconds at most.
 */
export function createPost(endpoint: string): Post {
  const url = new URL(endpoint);
  const client = url.protocol === 'https:' ? https : http;
  const lookup = createSharedLookup();

  const post: Post = (body, limitMs) =>
    new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length };
      const request = client.request(url, { method: 'POST', headers, lookup });
      const fail = (reason: string) => resolve({ reason, isRetryable: true, retryAfterMs: 0 });
      const giveUp = () => request.destroy(new Error(`no response within ${limitMs} ms`));
      const timer = setTimeout(giveUp, limitMs);
      request.on('response', (response) => {
        resolve(resultOf(response));
        response.on('error', () => {}).resume();
        // The status says all, and the body may never end.
        setImmediate(() => response.complete || request.destroy());
      });
      request.on('error', ({ message, code }: NodeJS.ErrnoException) => {
        // The backend has closed an idle connection just when it was to be used again.
        if (request.reusedSocket && code === 'ECONNRESET') resolve(post(body, limitMs));
        else fail(message || `${code}`); // no message if several addresses were tried
      });
      request.on('close', () => {
        clearTimeout(timer);
        fail('the connection was closed'); // without a response or an error: the backend has switched protocols
      });
      request.end(body);
    });
  return post;
}

function resultOf({ statusCode: status = 0, headers }: IncomingMessage): number | Failure {
  if (status >= 200 && status < 300) return status;
  const seconds = Number.parseInt(headers['retry-after'] ?? '', 10) || 0; // as a date it is ignored
  const isRetryable = status === 429 || status >= 500;
  return { reason: `unexpected status ${status}`, isRetryable, retryAfterMs: seconds * 1000 };
}

/**
 * Creates a lookup that calls share while it runs. It can't be aborted: if name servers don't respond, it occupies one of
 * Node's few threads for lookups, for up to a minute. Attempts share one, so that the others are free for the service.
 */
function createSharedLookup(): LookupFunction {
  const waiting: Parameters<LookupFunction>[2][] = [];
  return (hostname, options, done) => {
    waiting.push(done);
    if (waiting.length > 1) return;
    lookup(hostname, options, (error, address, family) => {
      for (const done of waiting.splice(0)) done(error, address, family);
    });
  };
}
