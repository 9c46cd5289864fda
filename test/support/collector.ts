import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COLLECTOR_BIN, otlpTo } from './backends.ts';
import { openPorts } from './ports.ts';
import { run } from './process.ts';
import { freeUrl } from './servers.ts';
import { until } from './wait.ts';

/**
 * A Collector with the settings of docker/collector.yaml that sends to `zipkin` and `jaeger` and keeps every trace. Its
 * queue stays when it is killed; `start` starts it, again too.
 */
export async function createCollector({ zipkin, jaeger }: { zipkin: string; jaeger: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'collector-'));
  const url = await freeUrl();
  const config = readFileSync('docker/collector.yaml', 'utf8')
    .replace('0.0.0.0:4318', new URL(url).host)
    .replace('http://zipkin:9411', zipkin)
    .replace('http://jaeger:4318', jaeger)
    .replace('directory: /queue', `directory: ${folder}`)
    .replace('/etc/otelcol-contrib/policies.yaml', `${folder}/policies.yaml`);
  writeFileSync(`${folder}/config.yaml`, config);
  writeFileSync(`${folder}/policies.yaml`, '- { name: all, type: always_sample }');
  return {
    env: otlpTo(url),
    async start() {
      const args = ['--config', `${folder}/config.yaml`, '--set', 'service.telemetry.metrics.level=none'];
      const collector = run(`${COLLECTOR_BIN}`, args, {});
      const port = Number(new URL(url).port);
      await until('the Collector to listen', async () => (await openPorts([port])).length > 0);
      return collector;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
