// docker/scale.yaml: two samplers and three Zipkin servers that share the work through Kafka, over one Cassandra.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { zipkinAt } from '../support/backends.ts';
import { composeProject, noDocker } from '../support/docker.ts';
import { hex } from '../support/http.ts';
import { sendLargeRequests } from '../support/large-requests.ts';
import { load } from '../support/load.ts';
import { failedSpans, goodSpans } from '../support/trace.ts';
import { until } from '../support/wait.ts';
import { arrive, backlogSeconds, spanCounts, tracesOf } from '../support/whole-traces.ts';

const files = ['-f', 'compose.yaml', '-f', 'docker/scale.yaml'];
const good = 'http://localhost:5001/?failure_pct=0';
const failing = 'http://localhost:5001/?failure_pct=100'; // each of these traces is kept
const requests = Number(process.env.SCALE_REQUESTS ?? 2000);
const commitInterval = 600; // in docker/collector-sampler.yaml

suite('docker compose -f compose.yaml -f docker/scale.yaml up', { skip: await noDocker(files) }, () => {
  let demo: ReturnType<typeof composeProject>;
  const compose: typeof demo.compose = (...args) => demo.compose(...args);
  const scale = (samplers: number) => compose(`up -d --no-deps --no-recreate --scale sampler=${samplers} sampler`);
  const front = zipkinAt('http://localhost:9411');

  before(async () => {
    // With 10 requests at a time, some 400 spans a second: less than Cassandra takes. (A backlog of over a minute in a
    // Zipkin's memory would die with it.)
    demo = composeProject(files, { SERVICE3_SLEEP_MS: '200' });
    await compose('up --build --wait --scale zipkin=3 --scale sampler=2 --scale service3=2');
  });
  after(() => demo.remove());

  /** Waits for the traces of failed requests. The error says how many spans each Zipkin dropped, which no log does. */
  const arriveAtFront = (ids: string[]) =>
    arrive(front, ids, failedSpans).catch(async ({ message }) => {
      const servers = await Promise.all((await demo.containers('zipkin')).map(lossesOf));
      throw new Error(`${message}; ${servers.join(', ')}`);
    });
  async function lossesOf(id: string) {
    const name = await demo.docker(['inspect', '-f', '{{.Name}} (restarts: {{.RestartCount}})', id]);
    return `${name} dropped ${await metric(id, 'zipkin_collector_spans_dropped_total{transport="kafka",}')} spans`;
  }

  /** A number of a Zipkin's metrics, or why there is none. */
  async function metric(id: string, name: string) {
    const url = `http://${await demo.addressOf(id)}:9411/prometheus`;
    const metrics = await fetch(url).then((response) => response.text(), String);
    return metrics.split(`\n${name} `)[1]?.split('\n')[0] ?? metrics;
  }

  /**
   * A sampler that is killed within a second or two of a commit can lose spans (docs/scaling.md): waits until none
   * would.
   */
  async function betweenCommits() {
    for (const id of await demo.containers('sampler')) {
      const started = Date.parse(await demo.docker(['inspect', '-f', '{{.State.StartedAt}}', id]));
      const commitIsNear = () => {
        const seconds = (Date.now() - started) / 1000;
        // It counts from when it finds its topic, up to a minute after its start.
        return seconds > commitInterval - 60 && (seconds + 60) % commitInterval < 130;
      };
      await until('no commit near', () => !commitIsNear(), 240);
    }
  }

  test('a trace can be read through each of the three servers, and through the one on port 9411, with the reasons of its failure', async () => {
    const ids = tracesOf(await load(failing, 20, 5));
    const servers = await demo.containers('zipkin');
    assert.equal(servers.length, 3);
    for (const id of servers) {
      await arrive(zipkinAt(`http://${await demo.addressOf(id)}:9411`), ids, failedSpans);
    }
    await arriveAtFront(ids);

    const failed = (await front.trace(`${ids[0]}`)).filter(({ tags }) => tags?.error);
    const reasons = new Set(failed.map(({ tags }) => tags?.['otel.status_description']));
    assert.deepEqual([...reasons].sort(), ['500', 'Intentional 100% failure']);
  });

  test('under concurrent requests both replicas of service3 serve', async () => {
    await load(failing, 200, 50);
    const served = async (id: string) => (await demo.docker(['logs', id])).split('"msg":"GET / 200"').length - 1;
    for (const id of await demo.containers('service3'))
      await until(`${id} to have served`, async () => (await served(id)) > 0);
  });

  test('twelve traces of 450 large requests: the traces of another caller arrive', async () => {
    const kept = tracesOf(await load(failing, 12, 1));
    for (const id of kept) await sendLargeRequests(good, 450, `${id}-${hex(16)}-1`);
    await arriveAtFront(tracesOf(await load(failing, 20, 5)));
  });

  test('a sampler killed and replaced, a Zipkin killed, Kafka restarted under load: every failed trace and one in ten good ones arrive whole', async (t) => {
    let sent = 0;
    const running = load(failing, requests, 8, () => {
      sent++;
      return false;
    });
    const alongside = load(good, Number.POSITIVE_INFINITY, 2, () => sent >= requests);
    const share = (of: number) => until(`${of * 100} % of the requests`, () => sent >= of * requests, 900);

    await share(0.25); // by now spans have come through the whole way
    await betweenCommits();
    const [sampler = ''] = await demo.containers('sampler');
    await demo.docker(['rm', '-f', sampler]);
    await scale(2);
    // It reads again, all at once, what the dead one had. A Zipkin that is killed with that in memory can lose it
    // (docs/scaling.md): wait until the last of it has been read, then until nothing is left to be stored.
    await arriveAtFront(tracesOf(await load(failing, 50, 5)));
    await share(0.5);
    const [zipkin = ''] = await demo.containers('zipkin');
    const queued = () => metric(zipkin, 'zipkin_storage_throttle_queue_size');
    await until('an empty queue', async () => (await queued()) === '0.0', backlogSeconds);
    await demo.docker(['kill', zipkin]);
    await share(0.75);
    await compose('restart kafka');
    const ids = tracesOf(await running);
    const start = performance.now();
    const quick = tracesOf((await alongside).filter(({ ms }) => ms < 1900)); // a slow one is kept in any case
    await arriveAtFront(ids);
    // after everything before them, in each partition
    await arriveAtFront(tracesOf(await load(failing, 50, 5)));
    t.diagnostic(
      `${ids.length} failed traces, ${ids.length * failedSpans} spans, whole ${Math.round((performance.now() - start) / 1000)} s after the last`,
    );

    const whole = async () => {
      const counts = await spanCounts(front, quick);
      return counts.every((count) => count === 0 || count === goodSpans) && counts;
    };
    const counts = await until('the good traces whole', whole, backlogSeconds);
    const kept = counts.filter((count) => count === goodSpans).length;
    t.diagnostic(`${kept} of ${quick.length} good traces were kept`);
    const fiveSigma = 5 * Math.sqrt(quick.length * 0.1 * 0.9); // missed once in two million runs
    assert.ok(Math.abs(kept - 0.1 * quick.length) < fiveSigma, `${kept} of ${quick.length} is not 10%`);
  });

  test('samplers restarted, stopped and started, and scaled down under load: every failed trace arrives whole', async () => {
    await betweenCommits();
    let done = false;
    const running = load(failing, Number.POSITIVE_INFINITY, 5, () => done);
    await sleep(5000); // so that there is something undecided
    await compose('restart sampler');
    await sleep(5000);
    await compose('stop sampler');
    await compose('start sampler');
    await sleep(5000);
    await scale(1);
    await sleep(5000);
    done = true;
    await arriveAtFront(tracesOf(await running));
  });

  test('Cassandra killed: the traces that could be read can be read again', async () => {
    const ids = tracesOf(await load(failing, 100, 10));
    await arriveAtFront(ids);
    await compose('kill cassandra');
    await compose('up -d --wait --no-deps --no-recreate cassandra');
    await arriveAtFront(ids);
  });
});
