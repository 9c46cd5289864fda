// One service at a time is under load. Its neighbors cost next to nothing, so that they don't disturb it.
import { serveTcp } from '../test/support/servers.ts';
import { load } from './load.ts';
import { startProgress } from './progress.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { type ServiceProcess, startService } from './service.ts';

const outOfTheBox = './examples/telemetry.mjs';
const thisProject = './src/telemetry.ts';
const modes: { mode: string; telemetry?: string; sampled: boolean }[] = [
  { mode: 'untraced', sampled: false },
  { mode: 'OpenTelemetry out of the box', telemetry: outOfTheBox, sampled: true },
  { mode: 'this project', telemetry: thisProject, sampled: true },
  { mode: 'this project, unsampled', telemetry: thisProject, sampled: false },
];

// spans: of a sampled request, SERVER and one by hand; in service2 a CLIENT span as well.
// connections: enough to keep the service busy.
// secondsPerRequest, secondsToStart: rough times on two quiet cores, to estimate the time left.
const services = [
  { service: 'service3', spans: 2, connections: 50, secondsPerRequest: 65e-6 },
  { service: 'service2', spans: 3, connections: 10, secondsPerRequest: 300e-6 },
];
const secondsToStart = 2;

type Plan = { starts: number; warmUp: number; rounds: number; requests: number };

/** `cpuUs`: CPU time per request in microseconds, the export of its spans included. */
export type Round = { cpuUs: number; perSecond: number; bytesPerSpan: number };

/** A service in one mode, and the rounds of each of its starts. */
export type Result = (typeof services)[number] & (typeof modes)[number] & { starts: Round[][] };

export async function measure(plan: Plan): Promise<Result[]> {
  const requests = plan.warmUp + plan.rounds * plan.requests;
  const seconds = services.map((service) => secondsToStart + requests * service.secondsPerRequest);
  const progress = startProgress(plan.starts * modes.length * seconds.reduce((sum, some) => sum + some));
  const results: Result[] = [];
  for (const service of services) results.push(...(await measureService(service, plan, progress)));
  return results;
}

async function measureService(
  service: (typeof services)[number],
  plan: Plan,
  progress: (step: string, seconds: number) => void,
): Promise<Result[]> {
  await using receiver = await startReceiver();
  await using downstream = await serveTcp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  });
  const env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: receiver.endpoint, SERVICE3_URL: downstream.url };
  const results = modes.map((mode): Result => ({ ...service, ...mode, starts: [] }));
  for (let start = 1; start <= plan.starts; start++) {
    const label = `${service.service}, start ${start} of ${plan.starts}`;
    await using running = new AsyncDisposableStack();
    const runs: { process: ServiceProcess; result: Result; rounds: Round[] }[] = [];
    for (const result of results) {
      progress(`${label}: warm-up, ${result.mode}`, secondsToStart + plan.warmUp * service.secondsPerRequest);
      const process = running.use(await startService(service.service, result.telemetry, env));
      await runRound(plan.warmUp, process, result, receiver);
      const rounds: Round[] = [];
      result.starts.push(rounds);
      runs.push({ process, result, rounds });
    }
    for (let round = 1; round <= plan.rounds; round++) {
      progress(`${label}: round ${round} of ${plan.rounds}`, modes.length * plan.requests * service.secondsPerRequest);
      // In turn, now forwards, now backwards: a mode may disturb the one that follows it.
      for (const { process, result, rounds } of round % 2 ? runs : runs.toReversed()) {
        rounds.push(await runRound(plan.requests, process, result, receiver));
      }
    }
  }
  return results;
}

async function runRound(requests: number, process: ServiceProcess, result: Result, receiver: Receiver): Promise<Round> {
  const spans = result.sampled ? requests * result.spans : 0;
  const before = await process.cpuUs();
  const seconds = await load(process.url, requests, result);
  const bytes = await receiver.receive(spans);
  const cpuUs = ((await process.cpuUs()) - before) / requests;
  return { cpuUs, perSecond: requests / seconds, bytesPerSpan: bytes / spans };
}
