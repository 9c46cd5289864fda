// `npm run bench:scale`: spans a second through the samplers and into the storage, and how many traces a kill or a new sampler loses.
// `npm run bench:scale samplers` (or `storage`, or `losses`) measures only that. It needs Docker, the images of docker/scale.yaml,
// 3 GB of memory and half an hour.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { zipkinAt } from '../test/support/backends.ts';
import { composeProject } from '../test/support/docker.ts';
import { spanCounts } from '../test/support/whole-traces.ts';

type Project = ReturnType<typeof composeProject>;
type Trace = { id: string; spanIds: string[] };

const spansPerTrace = 12;
const services = ['service3', 'service2', 'service1']; // each sends a third of a trace's spans
const zipkin = zipkinAt('http://localhost:9411');
const scaled = ['-f', 'compose.yaml', '-f', 'docker/scale.yaml', '-f', 'bench/scale.yaml'];

const parts: Record<string, () => Promise<void>> = { samplers, storage, losses };
for (const part of process.argv[2] ? [process.argv[2]] : Object.keys(parts)) {
  if (!parts[part]) throw new Error(`${part}: not one of ${Object.keys(parts).join(', ')}`);
  await parts[part]();
}

/** Spans a second that samplers read from Kafka, with nothing behind them: while they have room, and when they wait for decisions. */
async function samplers() {
  const traces = 70_000; // more than two samplers hold at once (num_traces) in three decision_wait
  const spans = traces * spansPerTrace;
  await withProject(scaled, {}, async (project) => {
    await project.compose('up --build --wait kafka collector');
    const [collector = ''] = await project.containers('collector');
    const start = performance.now();
    await send(project, newTraces(traces), { failed: false });
    while ((await metric(project, collector, 'otelcol_exporter_sent_spans')) < spans) await sleep(100);
    const seconds = (performance.now() - start) / 1000;
    console.log(`1 gateway: ${(spans / seconds).toFixed(0)} spans/s written to Kafka`);
    for (const count of [1, 2]) {
      await project.compose(`up -d --no-deps --scale sampler=${count} sampler`);
      const containers = await project.containers('sampler');
      const read = async () => {
        const each = containers.map((id) => metric(project, id, 'otelcol_receiver_accepted_spans'));
        return (await Promise.all(each)).reduce((sum, accepted) => sum + accepted);
      };
      const rate = await rateBetween(0.02, 0.12, traces, async () => (await read()) / spans);
      console.log(`${count} × sampler: ${rate.toFixed(0)} spans/s read while there is room`);
      await sleep(30_000); // decision_wait
      const before = await read();
      await sleep(60_000); // they read in bursts, once per decision_wait: two of these
      console.log(`${count} × sampler: ${(((await read()) - before) / 60).toFixed(0)} spans/s sustained`);
      await project.compose('rm -sf sampler'); // they have committed nothing: the next ones read the same again
    }
  });
}

/** Spans a second from the Collector to where they can be read. */
async function storage() {
  const traces = 2000;
  const measure = async (project: Project) => {
    await readable(await send(project, newTraces(200)), 1); // warm
    const sent = await send(project, newTraces(traces));
    return rateBetween(0.1, 0.95, traces, () => shareReadable(sent));
  };
  const report = (what: string, rate: number, base: number) =>
    console.log(`${what}: ${rate.toFixed(0)} spans/s stored and readable, ${(rate / base).toFixed(2)} of memory's`);

  let memory = 0;
  await withProject([], { BACKEND: 'collector' }, async (project) => {
    await project.compose('up --build --wait zipkin collector');
    memory = await measure(project);
    report('1 × Zipkin, memory', memory, memory);
  });
  await withProject(scaled, {}, async (project) => {
    for (const servers of [1, 3]) {
      await project.compose(`up --build --wait --scale zipkin=${servers} zipkin zipkin-ui collector sampler`);
      report(`${servers} × Zipkin, Kafka, Cassandra`, await measure(project), memory);
    }
  });
}

/** Failed traces that are missing, or in part, after something has been killed or added. */
async function losses() {
  const up = 'up --build --wait --scale zipkin=3 --scale sampler=2 zipkin zipkin-ui collector sampler';
  const rate = 20; // traces a second: 240 spans, which Cassandra stores at once
  const report = async (what: string, traces: Trace[]) => {
    const counts = await settled(traces);
    const missing = counts.filter((count) => count === 0).length;
    const inPart = counts.filter((count) => count > 0 && count < spansPerTrace).length;
    console.log(`${what}: of ${traces.length} failed traces ${missing} are missing, ${inPart} in part`);
  };

  await withProject(scaled, { COMMIT_INTERVAL: '60s' }, async (project) => {
    await project.compose(up);
    await readable(await send(project, newTraces(100)), 1); // the samplers have joined
    const [victim = ''] = await project.containers('sampler');
    await project.docker(['restart', victim]); // it commits once a minute from now
    const sending = steadily(project, rate, 70);
    await sleep(64_000);
    await project.docker(['kill', victim]);
    await project.docker(['start', victim]);
    await report('a sampler killed just after a commit, and started again', await sending);
  });

  await withProject(scaled, {}, async (project) => {
    await project.compose(up);
    const during = async (what: string, command: string) => {
      const sending = steadily(project, rate, 45);
      await sleep(30_000);
      await project.compose(command);
      await report(what, await sending);
    };
    const scale = (options: string, samplers: number) =>
      `up -d --no-deps ${options} --scale sampler=${samplers} sampler`;
    await during('a third sampler added', scale('--no-recreate', 3));
    await during('one sampler removed', scale('--no-recreate', 2));
    await during('two samplers replaced by three', scale('--force-recreate', 3));

    const traces = await send(project, newTraces(2000));
    await readable(traces, 0.3);
    await project.compose('kill zipkin');
    await project.compose('up --wait --no-deps --scale zipkin=3 zipkin');
    await report('three Zipkins killed at once during a backlog', traces);
  });
}

async function withProject(files: string[], env: Record<string, string>, work: (project: Project) => Promise<void>) {
  const project = composeProject(files, env);
  try {
    await work(project);
  } finally {
    await project.remove();
  }
}

/** Spans a second, between the moments when `share` (of `traces` traces) passes `from` and `to`. */
async function rateBetween(from: number, to: number, traces: number, share: () => Promise<number>) {
  const reach = async (atLeast: number) => {
    for (;;) {
      const reached = await share();
      if (reached >= atLeast) return { reached, seconds: performance.now() / 1000 };
      await sleep(100);
    }
  };
  const [start, end] = [await reach(from), await reach(to)];
  return ((end.reached - start.reached) * traces * spansPerTrace) / (end.seconds - start.seconds);
}

/** The share of the traces that can be read whole; it looks at fifty of them. */
async function shareReadable(traces: Trace[]): Promise<number> {
  const some = traces.filter((_, index) => index % Math.ceil(traces.length / 50) === 0);
  const counts = await countsOf(some);
  return counts.filter((count) => count === spansPerTrace).length / some.length;
}

async function readable(traces: Trace[], atLeast: number): Promise<void> {
  while ((await shareReadable(traces)) < atLeast) await sleep(100);
}

/** The spans of each trace that can be read, once no more come. A dead sampler is noticed after 30 s, and 30 s more are a trace's wait. */
async function settled(traces: Trace[]): Promise<number[]> {
  for (let before = -1; ; ) {
    await sleep(75_000);
    const counts = await countsOf(traces);
    const sum = counts.reduce((sum, count) => sum + count);
    if (sum === before || sum === traces.length * spansPerTrace) return counts;
    before = sum;
  }
}

function countsOf(traces: Trace[]): Promise<number[]> {
  return spanCounts(
    zipkin,
    traces.map(({ id }) => id),
  );
}

async function metric(project: Project, container: string, name: string): Promise<number> {
  const response = await fetch(`http://${await project.addressOf(container)}:8888/metrics`).catch(() => undefined);
  const lines = (await response?.text())?.split('\n').filter((line) => line.startsWith(name)) ?? [];
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function newTraces(count: number): Trace[] {
  const hex = (bytes: number) => randomBytes(bytes).toString('hex');
  return Array.from({ length: count }, () => ({
    id: hex(16),
    spanIds: Array.from({ length: spansPerTrace }, () => hex(8)),
  }));
}

/** Sends the traces to the Collector as fast as it takes them; failed ones unless told otherwise, for each of these is kept. */
async function send(project: Project, traces: Trace[], { failed } = { failed: true }): Promise<Trace[]> {
  const url = await endpoint(project);
  for (let at = 0; at < traces.length; at += 50) {
    const some = traces.slice(at, at + 50);
    await Promise.all(services.map((service) => post(url, service, some, failed)));
  }
  return traces;
}

/** Sends so many failed traces a second, each service half a second after the one that it called. */
async function steadily(project: Project, rate: number, seconds: number): Promise<Trace[]> {
  const url = await endpoint(project);
  const traces: Trace[] = [];
  const posts: Promise<void>[] = [];
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(500)) {
    const some = newTraces(rate / 2);
    traces.push(...some);
    posts.push(...services.map((service, index) => sleep(500 * index).then(() => post(url, service, some, true))));
  }
  await Promise.all(posts);
  return traces;
}

async function endpoint(project: Project): Promise<string> {
  const [collector = ''] = await project.containers('collector');
  return `http://${await project.addressOf(collector)}:4318/v1/traces`;
}

async function post(url: string, service: string, traces: Trace[], failed: boolean): Promise<void> {
  const body = JSON.stringify(toOtlp(service, traces, failed));
  const headers = { 'content-type': 'application/json' };
  while (!(await fetch(url, { method: 'POST', headers, body })).ok) await sleep(200);
}

function toOtlp(service: string, traces: Trace[], failed: boolean) {
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
  const first = (services.length - 1 - services.indexOf(service)) * (spansPerTrace / services.length);
  const spans = traces.flatMap(({ id, spanIds }) =>
    spanIds.slice(first, first + spansPerTrace / services.length).map((spanId, index) => ({
      traceId: id,
      spanId,
      parentSpanId: spanIds[first + index - 1] ?? '',
      name: 'GET /',
      kind: 2, // SERVER
      startTimeUnixNano,
      endTimeUnixNano: startTimeUnixNano.replace(/000000$/, '500000'),
      attributes,
      status: failed && service === 'service1' ? { code: 2 } : {}, // ERROR: the other parts alone would not be kept
    })),
  );
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'bench' }, spans }] }] };
}
