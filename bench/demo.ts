// The three services with a backend of their own, and a load on them of which every span is accounted for.
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from './load.ts';
import { startReceiver } from './receiver.ts';
import { type Mode, startService } from './services.ts';

export type Demo = Awaited<ReturnType<typeof startDemo>>;

export const spansPerTrace = 12;

export async function startDemo({ telemetry, env }: Mode) {
  const receiver = await startReceiver();
  const start = (name: string, urls: Record<string, string> = {}) =>
    startService(name, { telemetry, env: { ...receiver.env, ...env, ...urls } });
  const service3 = await start('service3');
  const service2 = await start('service2', { SERVICE3_URL: service3.url });
  const service1 = await start('service1', { SERVICE2_URL: service2.url, SERVICE3_URL: service3.url });
  const services = [service1, service2, service3];
  const usage = () => Promise.all(services.map((service) => service.usage()));
  const cpuUs = async () => (await usage()).reduce((sum, { cpuUs }) => sum + cpuUs, 0);
  let made = 0;

  return {
    startMs: services.map(({ startMs }) => startMs),
    memoryMB: async () => (await usage()).map(({ memoryMB }) => memoryMB),
    peakMB: async () => (await usage()).map(({ peakMB }) => peakMB),
    /** Sends so many requests, waits until their spans have arrived, and says what all of it took. */
    async load(amount: number, connections: number) {
      const before = await cpuUs();
      const { seconds, latenciesMs, traced } = await load(service1.url, amount, connections);
      made += traced * spansPerTrace;
      const deadline = performance.now() + 5000; // where spans were lost
      while (receiver.account(made).lost > 0 && performance.now() < deadline) await sleep(50);
      return { seconds, latenciesMs, cpuUs: (await cpuUs()) - before, spans: traced * spansPerTrace };
    },
    /** What a service still holds goes out when it stops, so this is final after stop(). */
    spans: () => receiver.account(made),
    bytes: receiver.bytes,
    /** Stops the services, callers first. */
    async stop() {
      for (const service of services) await service.stop();
    },
    [Symbol.asyncDispose]: receiver[Symbol.asyncDispose],
  };
}
