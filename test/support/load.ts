import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { hangSeconds } from './wait.ts';

export type Result = { status?: number; ms: number; trace_id?: string | undefined; error?: string };

/**
 * Sends `GET url` `count` times, `concurrency` at a time, unless `stop` returns true before. Returns a result per
 * request.
 */
export async function load(url: string, count: number, concurrency: number, stop = () => false): Promise<Result[]> {
  const results: Result[] = [];
  let sent = 0;
  const worker = async () => {
    while (sent < count && !stop()) {
      sent++;
      const start = performance.now();
      try {
        const response = await fetch(url, { signal: AbortSignal.timeout(hangSeconds * 1000) });
        const { trace_id } = (await response.json()) as { trace_id?: string };
        results.push({ status: response.status, ms: performance.now() - start, trace_id });
      } catch (error) {
        results.push({ ms: performance.now() - start, error: String((error as Error).cause ?? error) });
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return results;
}

export const median = (results: Result[]) => {
  const sorted = results.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** The resident memory of a process, in MB. */
export function residentMB(pid: number): number {
  const status = `/proc/${pid}/status`; // on Linux, where `ps` may not be installed
  const kB = existsSync(status)
    ? readFileSync(status, 'utf8').match(/VmRSS:\s+(\d+)/)?.[1]
    : execFileSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' });
  return Math.round(Number(kB) / 1024);
}
