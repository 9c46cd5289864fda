// `npm start`: the three services and the trace viewer on this machine, without Docker.
// (In package.json, `exec` lets a signal that npm passes on reach this process: the shell in between would die of it and leave us
// behind. Windows has no `exec`, and takes the part behind `||`.)
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { prettyFactory } from 'pino-pretty';
import { ConfigError, parseConfig } from '../config.ts';
import { createViewer } from './viewer.ts';

const host = '127.0.0.1';
const ports = { service1: 5001, service2: 5002, service3: 5003 };
const viewerPort = 9411;

process.loadEnvFile('otel.env'); // what the shell has set wins, but for where the services listen and find each other
const env = {
  ...process.env,
  HOST: host,
  SERVICE2_URL: `http://${host}:${ports.service2}`,
  SERVICE3_URL: `http://${host}:${ports.service3}`,
};

const say = (who: string, line: string) => console.log(`${who.padEnd(8)} | ${line}`);
const pretty = prettyFactory({
  colorize: process.stdout.isTTY,
  hideObject: true,
  translateTime: 'HH:MM:ss',
  messageFormat: (line, key) => {
    const { ms, trace_id } = line;
    return [line[key], ms !== undefined && `${ms} ms`, trace_id && `trace ${trace_id}`].filter(Boolean).join('  ');
  },
});
const die = (lines: string) => {
  for (const line of lines.split('\n')) console.error(`${'start'.padEnd(8)} | ${line}`);
  process.exit(1);
};
const dieOfTaken = (port: number) =>
  die(`port ${port} on ${host} is taken by another program: stop it, then try again`);

try {
  parseConfig({ ...env, SERVICE_NAME: 'service1', PORT: String(ports.service1) }); // what is wrong in it is said once, not by each service
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  die(error.message);
}

const zipkin = await findZipkin();
for (const port of zipkin ? Object.values(ports) : [...Object.values(ports), viewerPort]) {
  if (await isTaken(port)) dieOfTaken(port);
}

const viewer = zipkin ? undefined : createViewer().listen(viewerPort, host);
if (viewer) await once(viewer, 'listening').catch(() => dieOfTaken(viewerPort)); // by another `npm start`, just now
if (zipkin) say('start', `a Zipkin answers at ${zipkin}: it is used instead of the built-in trace viewer`);

const services: ChildProcess[] = [];
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(0));

for (const [name, port] of Object.entries(ports)) {
  const preloads = ['--import', './src/telemetry.ts', '--import', './src/local/stop-with-parent.ts'];
  const service = spawn(process.execPath, [...preloads, './src/main.ts'], {
    detached: true, // a Ctrl-C in the terminal is for us alone: we stop the services, in order
    env: {
      NODE_COMPILE_CACHE: 'node_modules/.cache/node', // a start with compiled code takes 0.8 of the time, and 0.9 of the memory
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${zipkin ?? `http://${host}:${viewerPort}`}/api/v2/spans`,
      ...env,
      SERVICE_NAME: name,
      PORT: String(port),
    },
    stdio: 'pipe',
  });
  for (const output of [service.stdout, service.stderr])
    createInterface(output).on('line', (line) => say(name, pretty(line).trimEnd()));
  service.on('exit', (code, signal) => {
    if (stopping) return;
    say('start', `${name} has stopped (${signal ?? `exit code ${code}`}): stopping the others`);
    stop(1);
  });
  services.push(service);
}

await Promise.all(Object.values(ports).map(isReady));
if (!stopping) {
  say('start', 'ready');
  say('start', 'send a request:      open http://localhost:5001, or curl localhost:5001');
  say('start', `look at the traces:  http://localhost:${viewerPort}/zipkin/`);
  say('start', 'stop with Ctrl-C');
}

/** Stops the services, callers first, then the viewer, which takes their last spans. A second Ctrl-C changes nothing. */
async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const service of services) {
    if (service.exitCode !== null || service.signalCode !== null) continue;
    service.stdin?.end();
    await once(service, 'exit');
  }
  viewer?.close();
  viewer?.closeAllConnections();
  process.exit(exitCode);
}

/** The URL of a Zipkin on port 9411; undefined where none answers. (The built-in viewer answers differently.) */
async function findZipkin(): Promise<string | undefined> {
  for (const address of ['127.0.0.1', '[::1]']) {
    const url = `http://${address}:${viewerPort}`;
    const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) })
      .then((response) => response.json() as Promise<{ zipkin?: object }>)
      .catch(() => undefined);
    if (health?.zipkin) return url;
  }
  return undefined;
}

async function isTaken(port: number): Promise<boolean> {
  const probe = createServer().listen(port, host);
  try {
    await once(probe, 'listening');
    return false;
  } catch {
    return true;
  } finally {
    probe.close();
  }
}

async function isReady(port: number): Promise<void> {
  while (!stopping) {
    if (await fetch(`http://${host}:${port}/health`).catch(() => undefined)) return;
    await sleep(50);
  }
}
