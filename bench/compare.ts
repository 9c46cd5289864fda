// The same load on the three services, with more and more tracing.
import { type Demo, spansPerTrace, startDemo } from './demo.ts';
import type { Account } from './receiver.ts';
import { type Mode, startService } from './services.ts';
import { percentile, type Spread, spread } from './statistics.ts';

const connections = 20;

const modes: (Mode & { mode: string })[] = [
  { mode: 'no tracing', telemetry: false, env: {} },
  { mode: 'not sampled', telemetry: true, env: { OTEL_TRACES_SAMPLER: 'parentbased_always_off' } },
  {
    mode: '10 % sampled',
    telemetry: true,
    env: { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
  },
  { mode: 'all, to Zipkin', telemetry: true, env: {} },
  { mode: 'all, by OTLP', telemetry: true, env: { OTEL_TRACES_EXPORTER: 'otlp' } },
];

export type Row = {
  mode: string;
  requestsPerSecond: Spread;
  /** … divided by that of no tracing in the same round. */
  ratio: Spread;
  /** One request at a time, less the same of no tracing. */
  addedMs: { p50: number; p99: number };
  cpuMsPerRequest: Spread;
  /** What a span costs the three services, on top of no tracing; null where none was made. */
  cpuUsPerSpan: Spread | null;
  spans: Account;
  bytesPerSpan: number | null;
  bytesPerTrace: number | null;
  /** Resident memory of service1, service2, service3. */
  memoryMB: { afterStart: number[]; peak: number[] };
  /** From the start of the process to the first answer: service1, service2, service3. */
  startMs: Spread;
};

type Round = { perSecond: number; cpuUsPerRequest: number; spansPerRequest: number; latenciesMs: number[] };
type Plan = { rounds: number; warmUp: number; requests: number; oneByOne: number };

/** Compares the modes in turn, round by round, so that what else happens on the machine hits all of them alike. */
export async function compare({ rounds, warmUp, requests, oneByOne }: Plan, progress: (what: string) => void) {
  const runs: { mode: string; demo: Demo; afterStart: number[]; rounds: Round[] }[] = [];
  try {
    // Node writes its compile cache when a process ends: only the second start is like all that follow.
    for (const telemetry of [false, true]) await (await startService('service3', { telemetry, env: {} })).stop();
    for (const mode of modes) {
      progress(`starts ${mode.mode}`);
      const demo = await startDemo(mode);
      runs.push({ mode: mode.mode, demo, afterStart: await demo.memoryMB(), rounds: [] });
    }
    for (let round = 0; round <= rounds; round++) {
      for (const { mode, demo, rounds: done } of runs) {
        progress(round === 0 ? `warms up ${mode}` : `round ${round} of ${rounds}: ${mode}`);
        const busy = await demo.load(round === 0 ? warmUp : requests, connections);
        const { latenciesMs } = await demo.load(oneByOne, 1);
        if (round === 0) continue;
        done.push({
          perSecond: requests / busy.seconds,
          cpuUsPerRequest: busy.cpuUs / requests,
          spansPerRequest: busy.spans / requests,
          latenciesMs,
        });
      }
    }
    const rows = [];
    for (const run of runs) {
      const peak = await run.demo.peakMB();
      await run.demo.stop();
      rows.push(toRow(run, peak, runs[0]?.rounds ?? []));
    }
    return rows;
  } finally {
    for (const { demo } of runs) await demo[Symbol.asyncDispose]();
  }
}

function toRow(
  { mode, demo, afterStart, rounds }: { mode: string; demo: Demo; afterStart: number[]; rounds: Round[] },
  peak: number[],
  untraced: Round[],
): Row {
  const spans = demo.spans();
  const bytesPerSpan = spans.received > 0 ? demo.bytes() / spans.received : null;
  const pairs = rounds.map((round, index) => ({ ...round, base: untraced[index] as Round }));
  const latencies = (of: Round[]) => of.flatMap(({ latenciesMs }) => latenciesMs);
  const addedMs = (percent: number) =>
    percentile(latencies(rounds), percent) - percentile(latencies(untraced), percent);
  const perSpan = pairs
    .filter(({ spansPerRequest }) => spansPerRequest > 0)
    .map(({ cpuUsPerRequest, spansPerRequest, base }) => (cpuUsPerRequest - base.cpuUsPerRequest) / spansPerRequest);
  return {
    mode,
    requestsPerSecond: spread(rounds.map(({ perSecond }) => perSecond)),
    ratio: spread(pairs.map(({ perSecond, base }) => perSecond / base.perSecond)),
    addedMs: { p50: addedMs(50), p99: addedMs(99) },
    cpuMsPerRequest: spread(rounds.map(({ cpuUsPerRequest }) => cpuUsPerRequest / 1000)),
    cpuUsPerSpan: perSpan.length > 0 ? spread(perSpan) : null,
    spans,
    bytesPerSpan,
    bytesPerTrace: bytesPerSpan && bytesPerSpan * spansPerTrace,
    memoryMB: { afterStart, peak },
    startMs: spread(demo.startMs),
  };
}
