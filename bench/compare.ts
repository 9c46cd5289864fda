// One service at a time under load, with more and less tracing. Its neighbours cost next to nothing, so that they don't disturb it.
import { serveTcp } from '../test/support/servers.ts';
import { load } from './load.ts';
import { type Account, startReceiver } from './receiver.ts';
import { type Options, startService } from './service.ts';
import { type Figure, quantile, toFigure } from './statistics.ts';

/** `sampled`: how many of ten requests the caller wants to be traced. */
type Mode = Options & { mode: string; sampled: number };

const ours = './src/telemetry.ts';
const modes: Mode[] = [
  { mode: 'no tracing', env: {}, sampled: 10 },
  {
    mode: 'OpenTelemetry as it comes, to Zipkin',
    telemetry: './examples/telemetry.mjs',
    env: { OTEL_TRACES_EXPORTER: 'zipkin', OTEL_PROPAGATORS: 'b3multi,baggage' },
    sampled: 10,
  },
  { mode: 'this project, to Zipkin', telemetry: ours, env: {}, sampled: 10 },
  { mode: 'this project, by OTLP', telemetry: ours, env: { OTEL_TRACES_EXPORTER: 'otlp' }, sampled: 10 },
  { mode: 'this project, 10 % sampled', telemetry: ours, env: {}, sampled: 1 },
  { mode: 'this project, not sampled', telemetry: ours, env: {}, sampled: 0 },
];

// spansPerRequest: SERVER, and one by hand; service2 has a CLIENT span as well. connections: enough to keep it busy.
const services = [
  { name: 'service3', spansPerRequest: 2, connections: 50 },
  { name: 'service2', spansPerRequest: 3, connections: 10 },
];

/** A figure is null if it can't be trusted. All but the first are relative to no tracing. */
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

export type Plan = { starts: number; warmUp: number; rounds: number; requests: number };

export async function compare(plan: Plan, progress: (text: string) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const service of services) rows.push(...(await compareModes(service, plan, progress)));
  return rows;
}

async function compareModes(
  { name, spansPerRequest, connections }: (typeof services)[number],
  { starts, warmUp, rounds, requests }: Plan,
  progress: (text: string) => void,
): Promise<Row[]> {
  await using downstream = await serveTcp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  });
  await using stack = new AsyncDisposableStack();
  const runs: { mode: Mode; subject: Subject }[] = [];
  for (const mode of modes) {
    const subject = await createSubject(name, mode, { SERVICE3_URL: downstream.url }, spansPerRequest, connections);
    runs.push({ mode, subject: stack.use(subject) });
  }
  for (let start = 1; start <= starts; start++) {
    progress(`${name}: start ${start} of ${starts}`);
    for (const { subject } of runs) await subject.start(warmUp);
    for (let round = 0; round < rounds; round++) {
      // In turn, now forwards, now backwards: a mode may disturb the one that follows it.
      for (const { subject } of round % 2 ? runs.toReversed() : runs) await subject.measure(requests);
    }
    for (const { subject } of runs) await subject.stop();
  }
  const figure = (of: (start?: number) => number) =>
    toFigure(
      of(),
      Array.from({ length: starts }, (_, start) => of(start)),
    );
  const untraced = runs[0]?.subject as Subject;
  return Promise.all(
    runs.map(async ({ mode: { mode, telemetry, sampled }, subject: { cpuUs, perSecond, account, bytesPerSpan } }) => {
      const addedUs = (start?: number) => cpuUs(start) - untraced.cpuUs(start);
      const spans = await account();
      return {
        service: name,
        mode,
        cpuUs: figure(cpuUs),
        spans,
        ...(telemetry && {
          addedUs: figure(addedUs),
          rate: figure((start) => perSecond(start) / untraced.perSecond(start)),
        }),
        ...(telemetry && sampled === 10 && { addedUsPerSpan: figure((start) => addedUs(start) / spansPerRequest) }),
        ...(spans.received > 0 && { bytesPerSpan: bytesPerSpan() }),
      };
    }),
  );
}

type Subject = Awaited<ReturnType<typeof createSubject>>;

/** A service in one of the modes. */
async function createSubject(
  name: string,
  mode: Mode,
  env: Record<string, string>,
  spansPerRequest: number,
  connections: number,
) {
  const receiver = await startReceiver();
  const headers = Array.from({ length: 10 }, (_, index) => b3Headers(index < mode.sampled));
  const measurements: { cpuUs: number; perSecond: number }[][] = []; // of each start
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  let made = 0;
  /** Sends requests, and waits until their spans have arrived. Returns the seconds that the responses took. */
  const send = async (requests: number) => {
    const seconds = await load(`${service?.url}`, { requests, connections, headers });
    if (mode.telemetry) made += (requests * spansPerRequest * mode.sampled) / 10;
    await receiver.account(made);
    return seconds;
  };
  const all = (key: 'cpuUs' | 'perSecond', start?: number) =>
    (start === undefined ? measurements.flat() : (measurements[start] ?? [])).map((measurement) => measurement[key]);
  const usedUs = async () => (await service?.cpuUs()) ?? Number.NaN;
  const stop = async () => service?.stop();
  return {
    async start(warmUp: number) {
      service = await startService(name, { ...mode, env: { ...env, ...receiver.env, ...mode.env } });
      measurements.push([]);
      await send(warmUp);
    },
    stop,
    async measure(requests: number) {
      const before = await usedUs();
      const seconds = await send(requests);
      const cpuUs = ((await usedUs()) - before) / requests;
      measurements.at(-1)?.push({ cpuUs, perSecond: requests / seconds });
    },
    // The best tenth of the rounds counts, of one start or of all: other programs on the machine can only make a round slower.
    /** CPU time per request, the export of its spans included. */
    cpuUs: (start?: number) => quantile(all('cpuUs', start), 0.1),
    perSecond: (start?: number) => quantile(all('perSecond', start), 0.9),
    account: () => receiver.account(made),
    bytesPerSpan: receiver.bytesPerSpan,
    async [Symbol.asyncDispose]() {
      await stop();
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
