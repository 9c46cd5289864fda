// `npm run experiment NAME`: starts the demo with a problem, sends a request and shows its trace. Each Enter, or line of
// stdin, leads on: a hint, the cause, the cure with the same request again. The end of stdin ends it, as Ctrl-C does.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, variableNames } from '../src/config/config.ts';
import { quote } from '../src/config/quote.ts';
import { traceListUrl } from '../src/server/page/trace-list-url.ts';
import { die } from './die.ts';
import { commandsOf, type Experiment, experiments, riddles, type Setup } from './experiments.ts';
import { thisMachine } from './machine.ts';
import { makePlan, noProxy, type Plan } from './plan.ts';
import { startProcess, stopProcess, waitFor } from './process.ts';
import { readDefaults } from './read-defaults.ts';
import { listen } from './viewer/listen.ts';

const args = process.argv.slice(2);
const isRiddle = args[0] === 'riddle' && args.length < 3;
const random = Math.ceil(Math.random() * riddles.length);
const experimentName = isRiddle ? riddles[Number(args[1] ?? random) - 1] : args.join(' ');
const [, experiment] =
  Object.entries<Experiment>(experiments).find(([each]) => each === experimentName) ?? die(usage());
const { broken, mended } = experiment;

process.env.no_proxy = noProxy(process.env);
const shell = { ...process.env };
for (const variable of variableNames) {
  if (shell[variable] === undefined || ['HOST', 'PORT'].includes(variable)) continue;
  delete shell[variable]; // it may change the trace
  console.log(`${variable} of your shell is not used: an experiment sets what it needs`);
}
const command = ['npm run experiment', ...args].join(' ');
const no = async () => false;
const machine = { ...thisMachine, hasZipkin: no, hasOtlpBackend: no }; // the traces are read from the viewer
const plan = await makePlan(shell, readDefaults(command), machine, command).catch((error) => {
  if (error instanceof ConfigError) die(error.message);
  throw error;
});
const { viewerPorts } = plan;
if (!viewerPorts || plan.services.length < 3) {
  die(['otel.env is set up for something else than the experiments:', ...plan.notes].join('\n'));
}
listen(viewerPorts, plan.host, (reason) => die(`the trace viewer can't start: ${reason}`), plan.browserUrl);
const viewerUrl = new URL(`${plan.env.OTEL_EXPORTER_ZIPKIN_ENDPOINT}`).origin;

const processes = new Map<string, ChildProcess>();
let isStopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(0));
const { ppid } = process;
setInterval(() => process.ppid !== ppid && stop(0), 500).unref(); // npm passes a SIGTERM on to the shell in between alone
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

await lead().catch((error) => {
  if (!isStopping) throw error; // a request fails if its service has been stopped
});

async function lead(): Promise<void> {
  for (const line of plan.notes) console.log(line);
  if (!isRiddle) console.log(`${args}: ${experiment.about}. By hand, each command in a terminal of its own:`);
  if (!isRiddle) printCommands(broken);
  for (const service of plan.services) start(service, broken);
  await Promise.all(plan.services.map(({ url }) => waitFor(url)));
  const first = await send(broken, experiment.spans[0]);
  if (isRiddle) console.log('One request, something is wrong: what, and where do you see it?');
  else await printTraces(first);
  console.log(`\nthe trace:  ${first.url}\nall traces: ${traceListUrl(`${plan.env.TRACE_UI_URL}`)}`);

  await enter('a hint (Ctrl-C ends the experiment)');
  console.log(experiment.hint);
  if (isRiddle) await printTraces(first);

  await enter('the cause');
  if (isRiddle) console.log(`This is the experiment "${experimentName}": ${experiment.about}.`);
  console.log(experiment.cause);
  if (isRiddle) printCommands(broken);

  await enter('the cure');
  console.log(experiment.cure);
  printCommands(mended);
  for (const service of plan.services) await restart(service);
  const second = await send(mended, experiment.spans[1]);
  await printTraces(second);
  console.log(`\nbroken: ${first.url}\nmended: ${second.url}`);
  await enter('the end');
  await stop(0);
}

function usage(): string {
  const names = Object.entries<Experiment>(experiments).map(([each, { about }]) => `  ${each.padEnd(10)} ${about}`);
  return `${args.length > 0 ? `${quote(args.join(' '))} is not an experiment. ` : ''}npm run experiment NAME, one of:
${names.join('\n')}
  riddle     one of the first four, and you find out which; riddle 1 to riddle 4 are the same each time`;
}

function printCommands(setup: Setup): void {
  console.log(['', ...commandsOf(setup)].join('\n  '));
}

type Service = Plan['services'][number];

/** What a setup changes in a service. */
function changesOf({ name }: Service, { service, env, program }: Setup): Pick<Setup, 'env' | 'program'> {
  if (service && service !== name) return { env: {} };
  return program ? { env, program } : { env };
}

function start(service: Service, setup: Setup): void {
  const { name, port } = service;
  const { env, program } = changesOf(service, setup);
  const log: string[] = []; // not shown: it would say what the trace is to show
  const print = (line: string) => void log.push(line);
  const child = startProcess({ ...plan.env, ...env, SERVICE_NAME: name, PORT: `${port}` }, print, program);
  child.on('exit', () => {
    if (processes.get(name) !== child) return;
    console.error([`${name} has stopped. Its log:`, ...log].join('\n'));
    stop(1);
  });
  processes.set(name, child);
}

/** Starts a service again if the cure changes it. */
async function restart(service: Service): Promise<void> {
  const { name, url } = service;
  if (JSON.stringify(changesOf(service, broken)) === JSON.stringify(changesOf(service, mended))) return;
  const child = processes.get(name);
  processes.delete(name);
  if (child) await stopProcess(child);
  start(service, mended);
  await waitFor(url);
}

type Sent = { url: string; traceIds: string[] };

/** Sends the requests. Returns when their spans have arrived, with the traces to show: that of service1 first. */
async function send({ query = '?failure_pct=0', requests = 1 }: Setup, spansPerRequest: number): Promise<Sent> {
  const earlier = Object.keys(await countSpans());
  const request = async () => {
    const response = await fetch(`${plan.browserUrl}/${query}`);
    return (await response.json()) as { trace_id?: string; trace_url?: string };
  };
  const responses = await Promise.all(Array.from({ length: requests }, request));
  const kept = responses.flatMap(({ trace_id }) => trace_id ?? []);
  if (requests > 1) console.log(`${requests} requests, and all failed in service2: ${kept.length} left a trace.`);
  for (const end = Date.now() + 30_000; ; await sleep(100)) {
    const arrived = Object.entries(await countSpans()).filter(([id]) => !earlier.includes(id));
    const missing = arrived.reduce((rest, [, spans]) => rest - spans, spansPerRequest * kept.length);
    if (missing > 0 && Date.now() < end) continue;
    if (missing > 0) console.log(`${missing} spans have not arrived within 30 s.`);
    const pieces = arrived.flatMap(([id]) => (kept.includes(id) ? [] : id)); // they have begun behind service1
    const url = responses.find(({ trace_url }) => trace_url)?.trace_url ?? 'none';
    return { url, traceIds: [...kept.slice(0, 1), ...pieces] };
  }
}

/** The traces in the viewer, and the number of their spans. */
async function countSpans(): Promise<Record<string, number>> {
  const response = await fetch(`${viewerUrl}/api/v2/traces?limit=1000`);
  const traces = (await response.json()) as { traceId: string }[][];
  return Object.fromEntries(traces.map((trace) => [trace[0]?.traceId, trace.length]));
}

async function printTraces({ traceIds }: Sent): Promise<void> {
  for (const id of traceIds) {
    const url = `${plan.env.TRACE_UI_URL?.replace('{traceId}', id)}`;
    const fetchText = async () => (await fetch(url, { headers: { accept: 'text/plain' } })).text();
    let text = await fetchText();
    while (text.endsWith('still arriving\n')) {
      await sleep(100);
      text = await fetchText();
    }
    console.log(`\n${text.trimEnd()}`);
  }
}

/** Waits for Enter. */
async function enter(next: string): Promise<void> {
  console.log(`\n--- Enter: ${next}`);
  if (isStopping || (await lines.next()).done) await stop(0);
}

/** Stops the services and exits. A second Ctrl-C changes nothing. */
async function stop(exitCode: number): Promise<never> {
  if (isStopping) return new Promise(() => {}); // until the first call exits
  isStopping = true;
  const all = [...processes.values()];
  processes.clear();
  await Promise.all(all.map(stopProcess));
  process.exit(exitCode);
}
