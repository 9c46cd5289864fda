// How many spans per second are sent without loss, with the settings of otel.env.
import { once } from 'node:events';
import { load } from './load.ts';
import { type Account, startReceiver } from './receiver.ts';
import { forkNode, startService } from './service.ts';

export type SaturationRow = { load: string; spansPerSecond: number; spans: Account };

const telemetry = './src/telemetry.ts';
const spansPerTrace = 12;

export async function saturate(
  { requests, seconds }: { requests: number; seconds: number },
  progress: (text: string) => void,
): Promise<SaturationRow[]> {
  progress('saturation: the three services');
  const rows = [await saturateServices(requests)];
  // Together they never overflow the queue: a process that only makes spans does.
  for (let rate = 32_000; rows.at(-1)?.spans.lost === 0; rate *= 2) {
    progress(`saturation: ${rate} spans/s`);
    rows.push(await saturateProcess(rate, seconds));
  }
  return rows;
}

async function saturateServices(requests: number): Promise<SaturationRow> {
  await using receiver = await startReceiver();
  const start = (name: string, urls = {}) => startService(name, { telemetry, env: { ...receiver.env, ...urls } });
  const service3 = await start('service3');
  const service2 = await start('service2', { SERVICE3_URL: service3.url });
  const service1 = await start('service1', { SERVICE2_URL: service2.url, SERVICE3_URL: service3.url });
  const seconds = await load(service1.url, { requests, connections: 400 });
  for (const service of [service1, service2, service3]) await service.stop();
  const made = requests * spansPerTrace;
  return {
    load: 'three services, 400 connections',
    spansPerSecond: made / seconds,
    spans: await receiver.account(made),
  };
}

async function saturateProcess(rate: number, seconds: number): Promise<SaturationRow> {
  await using receiver = await startReceiver();
  const child = forkNode('bench/spans.ts', [`${rate}`, `${seconds}`], { telemetry, env: receiver.env });
  const [[report]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  return {
    load: `one process that only makes spans, ${rate} per second`,
    spansPerSecond: report.made / report.seconds,
    spans: await receiver.account(report.made),
  };
}
