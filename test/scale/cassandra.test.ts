// docker/scale.yaml: several Zipkin servers over one Cassandra, fed through Kafka.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { zipkinAt } from '../support/backends.ts';
import { composeProject, noDocker } from '../support/docker.ts';
import { load } from '../support/load.ts';
import { until } from '../support/wait.ts';
import { arrive, tracesOf } from '../support/whole-traces.ts';

const images = [
  'openzipkin/zipkin:3.6.1',
  'openzipkin/zipkin-kafka:3.6.1',
  'openzipkin/zipkin-cassandra:3.6.1',
  'otel/opentelemetry-collector-contrib:0.139.0',
];
const failing = 'http://localhost:5001/?failure_pct=100'; // each of these traces is kept
const requests = Number(process.env.SCALE_REQUESTS ?? 2000);

suite('docker compose -f compose.yaml -f docker/scale.yaml up', { skip: await noDocker(images) }, () => {
  let demo: ReturnType<typeof composeProject>;
  const compose: typeof demo.compose = (...args) => demo.compose(...args);
  const front = zipkinAt('http://localhost:9411');

  before(async () => {
    // With 10 requests at a time, some 400 spans a second: less than Cassandra takes. (A backlog of over a minute in a Zipkin's memory would die with it.)
    demo = composeProject(['-f', 'compose.yaml', '-f', 'docker/scale.yaml'], { SERVICE3_SLEEP_MS: '200' });
    await compose('up --build --wait --scale zipkin=3 --scale service3=2');
  });
  after(() => demo.remove());

  test('a trace can be read through each of the three servers, and through the one on port 9411', async () => {
    const ids = tracesOf(await load(failing, 20, 5));
    const servers = await demo.containers('zipkin');
    assert.equal(servers.length, 3);
    for (const id of servers) {
      await arrive(zipkinAt(`http://${await demo.addressOf(id)}:9411`), ids, 9);
    }
    await arrive(front, ids, 9);
  });

  test('under concurrent requests both replicas of service3 serve', async () => {
    await load(failing, 200, 50);
    const served = async (id: string) => (await demo.docker(['logs', id])).split('"msg":"GET / 200"').length - 1;
    for (const id of await demo.containers('service3'))
      await until(`${id} to have served`, async () => (await served(id)) > 0);
  });

  test('one Zipkin killed and Kafka restarted under load: every span is found in the end', async (t) => {
    const [victim = ''] = await demo.containers('zipkin');
    let sent = 0;
    const running = load(failing, requests, 10, () => {
      sent++;
      return false;
    });
    await until('half of them', () => sent > requests / 2, 600); // by now spans have come through the whole way
    await demo.docker(['kill', victim]);
    await until('three quarters of them', () => sent > (requests * 3) / 4, 600);
    await compose('restart kafka');
    const ids = tracesOf(await running);
    const start = performance.now();
    await arrive(front, ids, 9, 600);
    t.diagnostic(
      `${ids.length} traces, ${ids.length * 9} spans, ${Math.round((performance.now() - start) / 1000)} s after the last`,
    );
  });
});
