import { after } from 'node:test';

/** Disposes of a resource that all tests of a file share, after the last of them. */
export function disposeAfterTests<T extends AsyncDisposable>(resource: T): T {
  after(() => resource[Symbol.asyncDispose]());
  return resource;
}
