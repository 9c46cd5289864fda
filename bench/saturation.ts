// More and more load, with the settings of otel.env, until the queue of spans overflows.
import { once } from 'node:events';
import { startDemo } from './demo.ts';
import { type Account, startReceiver } from './receiver.ts';
import { fork } from './services.ts';

export type SaturationRow = {
  load: string;
  spansPerSecond: number;
  spans: Account;
};

export async function saturate(
  { requests, connections, seconds }: { requests: number; connections: number[]; seconds: number },
  progress: (what: string) => void,
): Promise<SaturationRow[]> {
  const rows: SaturationRow[] = [];
  for (const count of connections) {
    progress(`saturation: ${count} connections`);
    rows.push(await saturateByRequests(count, requests));
  }
  // Three services and their load never keep a queue from being emptied: a process that makes spans and nothing else can.
  for (let spansPerSecond = 16_000; rows.at(-1)?.spans.lost === 0; spansPerSecond *= 2) {
    progress(`saturation: ${spansPerSecond} spans/s`);
    rows.push(await saturateBySpans(spansPerSecond, seconds));
  }
  return rows;
}

async function saturateByRequests(connections: number, requests: number): Promise<SaturationRow> {
  await using demo = await startDemo({ telemetry: true, env: {} });
  const { seconds, spans } = await demo.load(requests, connections);
  await demo.stop();
  return { load: `requests on ${connections} connections`, spansPerSecond: spans / seconds, spans: demo.spans() };
}

async function saturateBySpans(spansPerSecond: number, seconds: number): Promise<SaturationRow> {
  await using receiver = await startReceiver();
  const child = fork('bench/spans.ts', [`${spansPerSecond}`, `${seconds}`], { telemetry: true, env: receiver.env });
  const [[report]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  return {
    load: `one process that makes ${spansPerSecond} spans/s and nothing else`,
    spansPerSecond: report.made / report.seconds,
    spans: receiver.account(report.made),
  };
}
