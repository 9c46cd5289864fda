// `npm run bench:scale`: how many spans a second get from the Collector to where they can be read, and what a kill on the way loses.
// It needs Docker, the images of docker/scale.yaml, 2 GB of memory and 6 minutes.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { zipkinAt } from '../test/support/backends.ts';
import { composeProject } from '../test/support/docker.ts';
import { spanCounts } from '../test/support/whole-traces.ts';

const spansPerTrace = 12;
const traces = Number(process.argv[2] ?? 2000);
const zipkin = zipkinAt('http://localhost:9411');
type Project = ReturnType<typeof composeProject>;

const memory = await withProject([], { BACKEND: 'collector' }, async (project) => {
  await project.compose('up --build --wait zipkin collector');
  return measureRate(project);
});
report('one Zipkin, memory', memory, memory);

await withProject(['-f', 'compose.yaml', '-f', 'docker/scale.yaml'], {}, async (project) => {
  for (const servers of [1, 3]) {
    await project.compose(`up --build --wait --scale zipkin=${servers} zipkin zipkin-ui collector`);
    report(`${servers} × Zipkin, Kafka, Cassandra`, await measureRate(project), memory);
  }
  const ids = await send(project, traces);
  await until(ids, 0.3);
  await project.compose('kill zipkin');
  await project.compose('up --wait --scale zipkin=3 zipkin');
  const lost = await lostOf(ids);
  console.log(`three Zipkins killed at once during a backlog: ${lost} of ${traces * spansPerTrace} spans lost`);
});

async function withProject<T>(files: string[], env: Record<string, string>, work: (project: Project) => Promise<T>) {
  const project = composeProject(files, env);
  try {
    return await work(project);
  } finally {
    await project.remove();
  }
}

function report(what: string, rate: number, base: number) {
  console.log(`${what}: ${rate.toFixed(0)} spans/s stored and readable, ${(rate / base).toFixed(2)} of memory's`);
}

/** Spans a second, between the moments when a tenth and when nearly all of a burst could be read. */
async function measureRate(project: Project): Promise<number> {
  await until(await send(project, 200), 1); // warm
  const ids = await send(project, traces);
  const from = await until(ids, 0.1);
  const to = await until(ids, 0.95);
  await until(ids, 1);
  return ((to.share - from.share) * traces * spansPerTrace) / (to.seconds - from.seconds);
}

/** Waits until that share of the traces can be read whole; looks at fifty of them. */
async function until(ids: string[], atLeast: number) {
  const some = ids.filter((_, index) => index % Math.ceil(ids.length / 50) === 0);
  for (;;) {
    const counts = await spanCounts(zipkin, some);
    const share = counts.filter((count) => count === spansPerTrace).length / some.length;
    if (share >= atLeast) return { share, seconds: performance.now() / 1000 };
    await sleep(100);
  }
}

/** How many spans are missing once no more have come for half a minute. */
async function lostOf(ids: string[]): Promise<number> {
  for (let before = -1; ; ) {
    const found = (await spanCounts(zipkin, ids)).reduce((sum, count) => sum + count);
    if (found === before) return ids.length * spansPerTrace - found;
    before = found;
    await sleep(30_000);
  }
}

/** Sends failed traces to the Collector, which keeps every one of them, as fast as it takes them. */
async function send(project: Project, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomBytes(16).toString('hex'));
  const [collector = ''] = await project.containers('collector');
  const url = `http://${await project.addressOf(collector)}:4318/v1/traces`;
  for (let at = 0; at < count; at += 50) {
    const body = JSON.stringify(toOtlp(ids.slice(at, at + 50)));
    const headers = { 'content-type': 'application/json' };
    while (!(await fetch(url, { method: 'POST', headers, body })).ok) await sleep(200);
  }
  return ids;
}

function toOtlp(traceIds: string[]) {
  const startTimeUnixNano = `${Date.now()}000000`;
  const attributes = Object.entries({
    'http.request.method': 'GET',
    'http.response.status_code': '500',
    'http.route': '/',
    'network.peer.address': '127.0.0.1',
    'server.address': '127.0.0.1',
    'url.full': 'http://127.0.0.1:5003/',
    'url.path': '/',
    'user_agent.original': 'bench',
  }).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const toSpans = (traceId: string) => {
    const spanIds = Array.from({ length: spansPerTrace }, () => randomBytes(8).toString('hex'));
    return spanIds.map((spanId, index) => ({
      traceId,
      spanId,
      parentSpanId: spanIds[index - 1] ?? '',
      name: 'GET /',
      kind: 2, // SERVER
      startTimeUnixNano,
      endTimeUnixNano: startTimeUnixNano.replace('000000', '500000'),
      attributes,
      status: { code: 2 }, // ERROR
    }));
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'bench' } }] };
  return {
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'bench' }, spans: traceIds.flatMap(toSpans) }] }],
  };
}
