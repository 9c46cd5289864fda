// `npm start`: the three services and the trace viewer on this machine, without Docker.
// (In package.json, `exec` lets a signal that npm passes on reach this process: the shell in between would die of it and leave us
// behind. Windows has no `exec`, and takes the part behind `||`.)
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import { isIPv6 } from 'node:net';
import { type Config, ConfigError, parseConfig } from '../config.ts';
import { quote } from '../server/quote.ts';
import { traceListUrl } from '../server/trace-list-url.ts';
import { createFormatter, die, say } from './log-lines.ts';
import { findPorts, listenFrom } from './ports.ts';
import { isReady, startService, stopService } from './run-services.ts';
import { lockStart } from './start-lock.ts';
import { findTraceBackend, traceUiUrlOf } from './trace-backend.ts';
import { createViewer } from './viewer.ts';

const { env } = process;
if (env.SERVICE_NAME !== undefined) {
  const name = quote(env.SERVICE_NAME);
  die(`SERVICE_NAME=${name} is not valid here: npm start starts all three services, npm run service starts one`);
}
process.loadEnvFile('otel.env'); // a variable of the shell wins
const config = readConfig(); // an invalid value is reported once, not by each service
const { HOST: host, PORT: port } = config;
const address = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (isIPv6(host) ? `[${host}]` : host);
const shownAddress = ['127.0.0.1', '[::1]'].includes(address) ? 'localhost' : address;
const urlOf = (port?: number) => `http://${address}:${port}`;
const note = (line: string) => say('start', line);

for (const name of ['SERVICE2_URL', 'SERVICE3_URL']) {
  if (env[name]) note(`${name} is set: ${new URL(env[name]).origin} is called, and no service is started for it`);
}
if (/\S/.test(env.OTEL_SERVICE_NAME ?? '') || /(^|,)\s*service\.name=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '')) {
  note('OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES names the service: all three have that name in the traces');
}
const backend = await findTraceBackend(env, config);
if (backend) note(backend.note);

const unlock = await lockStart();
const wanted = {
  service1: port,
  ...(!env.SERVICE3_URL && { service3: 5003 }),
  ...(!env.SERVICE2_URL && { service2: 5002 }),
};
const ports = await findPorts(wanted, host).catch(dieOfHost);
if (port !== 0 && ports.service1 !== port) {
  const move = `PORT=${port + 10} npm start`;
  die(`port ${port} is taken: stop the program that uses it, or move service1 to another port: ${move}`);
}
for (const [name, usual] of Object.entries({ service2: 5002, service3: 5003 })) {
  if (ports[name] && ports[name] !== usual) note(`port ${usual} is taken: ${name} listens on ${ports[name]}`);
}
const viewerPort = backend
  ? undefined
  : await listenFrom(
      9411,
      host,
      createServer(createViewer({ service1Url: `http://${shownAddress}:${ports.service1}` })),
    ).catch(dieOfHost);
if (viewerPort && viewerPort !== 9411) note(`port 9411 is taken: the trace viewer listens on ${viewerPort}`);

const { spansUrl, traceUiUrl } = backend ?? {
  spansUrl: `${urlOf(viewerPort)}/api/v2/spans`,
  traceUiUrl: traceUiUrlOf(`http://${shownAddress}:${viewerPort}`),
};
const serviceEnv: NodeJS.ProcessEnv = {
  NODE_COMPILE_CACHE: 'node_modules/.cache/node', // a start with compiled code takes 0.8 of the time, and 0.9 of the memory
  SERVICE2_URL: urlOf(ports.service2),
  SERVICE3_URL: urlOf(ports.service3),
  TRACE_UI_URL: traceUiUrl,
  ...env,
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: spansUrl,
};
const format = createFormatter(serviceEnv.TRACE_UI_URL);
const services: ChildProcess[] = [];
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(0));

const names = ['service1', 'service2', 'service3'].filter((name) => ports[name]);
for (const name of names) {
  const print = (line: string) => say(name, format(line));
  const service = startService({ ...serviceEnv, SERVICE_NAME: name, PORT: `${ports[name]}` }, print);
  service.on('exit', (code, signal) => {
    if (stopping) return;
    note(`${name} has stopped (${signal ?? `exit code ${code}`}): stopping the others`);
    stop(1);
  });
  services.push(service);
}
await Promise.all(services.map((service, index) => isReady(service, urlOf(ports[`${names[index]}`]))));
unlock();
if (!stopping) {
  const service1 = `${shownAddress}:${ports.service1}`;
  note('ready');
  note(`send a request:  open http://${service1}, or curl ${service1}`);
  if (serviceEnv.TRACE_UI_URL) note(`see the traces:  ${traceListUrl(serviceEnv.TRACE_UI_URL)}`);
  note('stop with Ctrl-C');
}

function readConfig(): Config {
  try {
    return parseConfig({ ...env, SERVICE_NAME: 'service1' });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return die(error.message);
  }
}

function dieOfHost(error: Error): never {
  die(`can't listen on HOST=${host}: ${error.message}`);
}

/** Stops the services, callers first, then the viewer, which receives their last spans. A second Ctrl-C changes nothing. */
async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const service of services) await stopService(service);
  process.exit(exitCode);
}
