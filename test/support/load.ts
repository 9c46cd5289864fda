import { readFileSync } from 'node:fs';

export type Result = { status?: number; ms: number; trace_id?: string; error?: string };

/** Sends GETs until `count` are done or `stop` says so, so many at a time, and gives what came of each. */
export async function load(url: string, count: number, atATime: number, stop = () => false): Promise<Result[]> {
  const results: Result[] = [];
  let sent = 0;
  const worker = async () => {
    while (sent < count && !stop()) {
      sent++;
      const start = performance.now();
      try {
        const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
        const { trace_id } = (await response.json()) as { trace_id?: string };
        results.push({ status: response.status, ms: performance.now() - start, trace_id });
      } catch (error) {
        results.push({ ms: performance.now() - start, error: String((error as Error).cause ?? error) });
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return results;
}

export const median = (results: Result[]) => {
  const sorted = results.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** The memory that a process has now, in MB (Linux). */
export const residentMB = (pid: number) =>
  Math.round(Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)?.[1]) / 1024);
