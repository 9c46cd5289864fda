// One service at a time is under load. Its neighbors cost next to nothing, so that they don't disturb it.
import { serveTcp } from '../test/support/servers.ts';
import { startReceiver } from './receiver.ts';
import { mean } from './report.ts';
import { type RunningService, runService } from './run-service.ts';
import { sendRequests } from './send-requests.ts';

const outOfTheBox = './examples/telemetry.mjs'; // with this project's otel.env, the same for both
const thisProject = './src/telemetry.ts';

type Mode = { mode: string; telemetry?: string; exporter?: string; sampled: boolean };
const modes: Mode[] = [
  { mode: 'no tracing', sampled: false },
  { mode: 'out of the box, Zipkin', telemetry: outOfTheBox, exporter: 'zipkin', sampled: true },
  { mode: 'this project, Zipkin', telemetry: thisProject, exporter: 'zipkin', sampled: true },
  { mode: 'out of the box, OTLP', telemetry: outOfTheBox, exporter: 'otlp', sampled: true },
  { mode: 'this project, OTLP', telemetry: thisProject, exporter: 'otlp', sampled: true },
  { mode: 'this project, not sampled', telemetry: thisProject, exporter: 'zipkin', sampled: false },
];

// spans: of a sampled request, SERVER and one by hand; in service2 a CLIENT span as well.
// connections: enough to keep the service busy.
const services = [
  { service: 'service3', spans: 2, connections: 50 },
  { service: 'service2', spans: 3, connections: 10 },
];
// A round: their spans fill whole batches, so that none waits for the next one. It is short, so that all modes meet
// the same speed of the machine.
const requests = 512;

/** `cpuUs`: CPU time of a request in each start, in microseconds, the export of its spans included. */
export type Result = { service: string; mode: string; cpuUs: number[]; bytesPerSpan: number };

/** Measures each service in each mode, in several starts. In each, the modes take turns. */
export async function measure(starts: number, warmUps: number, rounds: number): Promise<Result[]> {
  const results: Result[] = [];
  await using receiver = await startReceiver();
  await using downstream = await serveTcp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  });
  const env = {
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${receiver.url}/api/v2/spans`,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    SERVICE3_URL: downstream.url,
    OTEL_PROPAGATORS: 'b3multi,baggage', // out of the box, the requests' headers would not be read
  };
  for (const { service, spans, connections } of services) {
    /** A round of requests to a running service: the CPU time of each, and the bytes of a span. */
    const runRound = async (running: RunningService, sampled: boolean) => {
      const before = await running.cpuUs();
      await sendRequests(running.url, requests, connections, sampled);
      const expected = sampled ? requests * spans : 0;
      const bytes = await receiver.receive(expected);
      return { cpuUs: ((await running.cpuUs()) - before) / requests, bytesPerSpan: bytes / expected };
    };

    const ofService: Result[] = modes.map(({ mode }) => ({ service, mode, cpuUs: [], bytesPerSpan: 0 }));
    results.push(...ofService);
    for (let start = 1; start <= starts; start++) {
      console.error(`${service}, start ${start} of ${starts}`);
      await using stack = new AsyncDisposableStack();
      const runs = [];
      for (const [index, { telemetry, exporter = 'none', sampled }] of modes.entries()) {
        const running = stack.use(await runService(service, telemetry, { ...env, OTEL_TRACES_EXPORTER: exporter }));
        for (let i = 0; i < warmUps; i++) await runRound(running, sampled);
        runs.push({ running, sampled, result: ofService[index] as Result, cpuUs: [] as number[] });
      }
      for (let round = 0; round < rounds; round++) {
        // In turn, now forwards, now backwards: a mode may disturb the one that follows it.
        for (const { running, sampled, result, cpuUs } of round % 2 ? runs.toReversed() : runs) {
          const figures = await runRound(running, sampled);
          cpuUs.push(figures.cpuUs);
          result.bytesPerSpan = figures.bytesPerSpan;
        }
      }
      for (const { result, cpuUs } of runs) result.cpuUs.push(meanOfCheaperHalf(cpuUs));
    }
  }
  return results;
}

/** Other programs on the machine can only make a round slower. */
const meanOfCheaperHalf = (values: number[]) =>
  mean(values.toSorted((a, b) => a - b).slice(0, Math.ceil(values.length / 2)));
