// One service at a time under load, with more and less tracing. Its neighbours cost next to nothing, so that they don't disturb it.
import { serveTcp } from '../test/support/servers.ts';
import { load } from './load.ts';
import { type Account, startReceiver } from './receiver.ts';
import { type Options, startService } from './service.ts';
import { type Figure, toFigure } from './statistics.ts';

/** `sampled`: how many of ten requests the caller wants to be traced. */
type Mode = Options & { mode: string; sampled: number };

const ours = './src/telemetry.ts';
const modes: Mode[] = [
  { mode: 'no tracing', env: {}, sampled: 10 },
  {
    mode: 'OpenTelemetry as it comes, to Zipkin',
    telemetry: './examples/es-modules/telemetry.js',
    env: { OTEL_TRACES_EXPORTER: 'zipkin', OTEL_PROPAGATORS: 'b3multi,baggage' },
    sampled: 10,
  },
  { mode: 'this project, to Zipkin', telemetry: ours, env: {}, sampled: 10 },
  { mode: 'this project, by OTLP', telemetry: ours, env: { OTEL_TRACES_EXPORTER: 'otlp' }, sampled: 10 },
  { mode: 'this project, 10 % sampled', telemetry: ours, env: {}, sampled: 1 },
  { mode: 'this project, not sampled', telemetry: ours, env: {}, sampled: 0 },
];

const services = [
  { name: 'service3', spansPerRequest: 2 }, // SERVER, and one by hand
  { name: 'service2', spansPerRequest: 3 }, // a CLIENT span as well
];

/** A figure is null if it can't be trusted. All but the first are relative to no tracing in the same round. */
export type Row = {
  service: string;
  mode: string;
  cpuUs: Figure | null;
  addedUs?: Figure | null;
  /** Only if every request is traced: otherwise the few spans would bear the cost of all requests. */
  addedUsPerSpan?: Figure | null;
  rate?: Figure | null;
  spans: Account;
  bytesPerSpan?: number;
};

export type Plan = { rounds: number; warmUp: number; requests: number };

export async function compare(plan: Plan, progress: (text: string) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const service of services) rows.push(...(await compareModes(service, plan, progress)));
  return rows;
}

/** Takes the modes in turn, round by round, so that other programs on the machine disturb all of them alike. */
async function compareModes(
  { name, spansPerRequest }: (typeof services)[number],
  { rounds, warmUp, requests }: Plan,
  progress: (text: string) => void,
): Promise<Row[]> {
  await using downstream = await serveTcp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  });
  await using stack = new AsyncDisposableStack();
  const runs: { mode: Mode; subject: Subject; rounds: Measurement[] }[] = [];
  for (const mode of modes) {
    const subject = stack.use(await startSubject(name, spansPerRequest, downstream.url, mode));
    runs.push({ mode, subject, rounds: [] });
  }
  for (let round = 0; round <= rounds; round++) {
    progress(round === 0 ? `${name}: warm-up` : `${name}: round ${round} of ${rounds}`);
    for (const run of runs) {
      const measurement = await run.subject.measure(round === 0 ? warmUp : requests);
      if (round > 0) run.rounds.push(measurement);
    }
  }
  const untraced = runs[0]?.rounds ?? [];
  return Promise.all(
    runs.map(async ({ mode: { mode, sampled, telemetry }, subject, rounds }) => {
      const account = await subject.account();
      const added = rounds.map(({ cpuUs }, round) => cpuUs - (untraced[round]?.cpuUs ?? Number.NaN));
      return {
        service: name,
        mode,
        cpuUs: toFigure(rounds.map(({ cpuUs }) => cpuUs)),
        spans: account,
        ...(telemetry && {
          addedUs: toFigure(added),
          rate: toFigure(rounds.map(({ perSecond }, round) => perSecond / (untraced[round]?.perSecond ?? Number.NaN))),
        }),
        ...(telemetry && sampled === 10 && { addedUsPerSpan: toFigure(added.map((us) => us / spansPerRequest)) }),
        ...(account.received > 0 && { bytesPerSpan: subject.bytesPerSpan() }),
      };
    }),
  );
}

type Subject = Awaited<ReturnType<typeof startSubject>>;
type Measurement = { cpuUs: number; perSecond: number };

async function startSubject(name: string, spansPerRequest: number, SERVICE3_URL: string, mode: Mode) {
  const receiver = await startReceiver();
  const service = await startService(name, { ...mode, env: { SERVICE3_URL, ...receiver.env, ...mode.env } });
  const headers = Array.from({ length: 10 }, (_, index) => b3Headers(index < mode.sampled));
  let made = 0;
  return {
    account: () => receiver.account(made),
    bytesPerSpan: receiver.bytesPerSpan,
    /** CPU time per request, the export of its spans included, and requests per second. */
    async measure(requests: number): Promise<Measurement> {
      const before = await service.cpuUs();
      const seconds = await load(service.url, { requests, connections: 10, headers });
      if (mode.telemetry) made += (requests * spansPerRequest * mode.sampled) / 10;
      await receiver.account(made);
      return { cpuUs: ((await service.cpuUs()) - before) / requests, perSecond: requests / seconds };
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

/** As service1 sends them. */
function b3Headers(sampled: boolean): Record<string, string> {
  return {
    'x-b3-traceid': '463ac35c9f6413ad48485a3953bb6124',
    'x-b3-spanid': 'a2fb4a1d1a96d312',
    'x-b3-sampled': sampled ? '1' : '0',
  };
}
