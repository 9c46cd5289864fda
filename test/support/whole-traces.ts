import assert from 'node:assert/strict';
import type { Backend } from './backends.ts';
import type { Result } from './load.ts';
import { until } from './wait.ts';

/** The trace ids of requests, all of which must have got a 200. */
export function tracesOf(results: Result[]): string[] {
  assert.deepEqual(
    results.filter(({ status, trace_id }) => status !== 200 || !trace_id),
    [],
  );
  return results.map(({ trace_id }) => `${trace_id}`);
}

/** How many spans of each trace a backend has; 0 if it does not respond. */
export async function spanCounts(backend: Backend, ids: string[]): Promise<number[]> {
  const counts: number[] = [];
  const count = async (id: string) => {
    const spans = await backend.trace(id).catch(() => []);
    return new Set(spans.map((span) => `${span.id} ${span.kind}`)).size; // a span that was sent twice counts once
  };
  for (let at = 0; at < ids.length; at += 20) counts.push(...(await Promise.all(ids.slice(at, at + 20).map(count))));
  return counts;
}

/** No backlog of the tests takes this long to be stored, however busy the machine is. */
export const backlogSeconds = 600;

/** Waits until the backend has `spans` spans of each trace. The error names the traces that have another number. */
export async function arrive(backend: Backend, ids: string[], spans: number): Promise<void> {
  let incomplete = ids.map((id) => ({ id, count: 0 }));
  const look = async () => {
    const counts = await spanCounts(
      backend,
      incomplete.map(({ id }) => id),
    );
    incomplete = incomplete.map(({ id }, index) => ({ id, count: counts[index] ?? 0 }));
    incomplete = incomplete.filter(({ count }) => count !== spans);
    return incomplete.length === 0;
  };
  await until(`${ids.length} traces of ${spans} spans`, look, backlogSeconds).catch(({ message }) => {
    const has = incomplete.slice(0, 10).map(({ id, count }) => `${id} has ${count}`);
    throw new Error(`${message}; ${incomplete.length} are incomplete: ${has.join(', ')}`);
  });
}
