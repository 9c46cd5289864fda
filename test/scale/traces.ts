import assert from 'node:assert/strict';
import type { Result } from '../injectors.ts';
import type { Backend } from '../support.ts';

/** The trace ids of requests that were all answered with 200. */
export function tracesOf(results: Result[]): string[] {
  assert.deepEqual(
    results.filter(({ status, trace_id }) => status !== 200 || !trace_id),
    [],
  );
  return results.map(({ trace_id }) => `${trace_id}`);
}

/** How many spans of each trace a backend has; 0 for all where it does not answer. */
export async function spanCounts(backend: Backend, ids: string[]): Promise<number[]> {
  const counts: number[] = [];
  for (let at = 0; at < ids.length; at += 20) {
    const some = ids
      .slice(at, at + 20)
      .map(async (id) => new Set((await backend.trace(id)).map((span) => span.id + span.kind)).size);
    counts.push(...(await Promise.all(some).catch(() => some.map(() => 0))));
  }
  return counts;
}
