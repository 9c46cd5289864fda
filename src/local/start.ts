// `npm start`: the three services and the trace viewer on this machine, without Docker. (In package.json, `exec` lets a
// signal that npm passes on reach this process: without it, the signal would end only the shell in between. Windows has
// no `exec`, and runs the command after `||`.)
import { isIPv6 } from 'node:net';
import { loadConfig, otlpProtocolVariable, urlVariable } from '../config/config.ts';
import { quote } from '../config/quote.ts';
import { traceListUrl } from '../server/page/trace-list-url.ts';
import { calledServices, type ServiceName } from '../services.ts';
import { findPort } from './find-port.ts';
import { createFormatter, say } from './log-lines.ts';
import { graceMs, startService, stopService, waitFor } from './run-services.ts';
import { findTraceBackend } from './trace-backend.ts';
import { createViewer } from './viewer/viewer.ts';

const { env } = process;
if (env.SERVICE_NAME !== undefined) {
  die(`SERVICE_NAME=${quote(env.SERVICE_NAME)} is not valid here: npm run service starts one service`);
}
env.SERVICE_NAME = 'service1';
try {
  process.loadEnvFile('otel.env'); // a variable of the shell wins
} catch {
  die(`can't read otel.env in ${process.cwd()}: run npm start in the demo's directory, which has it`);
}
const config = loadConfig(env); // an invalid value is reported once, not by each service
const { HOST: host, PORT: wanted } = config;
const address = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (isIPv6(host) ? `[${host}]` : host);
const urlOf = (port: number) => `http://${address}:${port}`;
const browserUrlOf = (port: number) => urlOf(port).replace(/\/\/(127\.0\.0\.1|\[::1\])/, '//localhost');
const note = (line: string) => say('start', line);

const service1 = await findPort(wanted, host).catch((error) => die(`can't listen on HOST=${host}: ${error.message}`));
if (wanted !== 0 && service1 !== wanted) {
  const move = `or move service1 to another port: PORT=${await findPort(wanted + 10, host)} npm start`;
  die(`port ${wanted} is taken: stop the program that uses it, ${move}`);
}

const ports = new Map<ServiceName, number>([['service1', service1]]);
for (const [index, name] of calledServices.entries()) {
  const variable = urlVariable(name);
  if (env[variable]) {
    note(`${variable} is set: ${new URL(env[variable]).origin} is called, and no service is started for it`);
  } else {
    const port = await choosePort(service1 + 1 + index, name);
    ports.set(name, port);
    env[variable] = urlOf(port);
  }
}
if (/\S/.test(env.OTEL_SERVICE_NAME ?? '') || /(^|,)\s*service\.name=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '')) {
  note('OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES names the service: all three have that name in the traces');
}
// With NODE_USE_ENV_PROXY=1, Node would send requests to this machine to the proxy, too. The lower-case name wins.
const direct = env.no_proxy || env.NO_PROXY;
if (direct !== '*') env.no_proxy = [direct, 'localhost', '127.0.0.1', '[::1]', address].filter(Boolean).join();
const backend = await findTraceBackend(env, config);
if (backend) {
  note(`${backend.reason}; the built-in trace viewer is not started`);
  if (backend.traceUiUrl) env.TRACE_UI_URL ??= backend.traceUiUrl;
} else {
  const port = await choosePort(9411, 'the trace viewer');
  const viewer = createViewer({ service1Url: browserUrlOf(service1) }).listen(port, host);
  viewer.on('error', ({ message }) => die(`the trace viewer can't start: ${message}`));
  env.OTEL_EXPORTER_ZIPKIN_ENDPOINT = `${urlOf(port)}/api/v2/spans`;
  if (config.OTEL_TRACES_EXPORTER.includes('otlp')) sendOtlpTo(urlOf(port));
  env.TRACE_UI_URL ??= `${browserUrlOf(port)}/zipkin/traces/{traceId}`;
}
// cached compiled code saves 20% of the startup time and 10% of the memory
env.NODE_COMPILE_CACHE ??= 'node_modules/.cache/node';

const format = createFormatter(env.TRACE_UI_URL);
let stopping = false;
const services = [...ports].map(([name, port]) => {
  const print = (line: string) => say(name, format(line));
  const service = startService({ ...env, SERVICE_NAME: name, PORT: `${port}` }, print);
  service.on('exit', (code, signal) => {
    if (stopping && signal === 'SIGKILL') note(`${name} did not stop within ${graceMs / 1000} s, and was killed`);
    if (stopping) return;
    note(`${name} has stopped (${signal ?? `exit code ${code}`}): stopping the others`);
    stop(1);
  });
  return service;
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(0));

await Promise.all([...ports.values()].map((port) => waitFor(urlOf(port))));
if (!stopping) {
  const url = browserUrlOf(service1);
  note(`send a request:  open ${url}, or curl ${url.replace('http://', '')}`);
  if (env.TRACE_UI_URL) note(`see the traces:  ${traceListUrl(env.TRACE_UI_URL)}`);
  note('stop with Ctrl-C');
}

/** The wanted port, or else the next one that is free and that fetch accepts. Logs a line if it differs. */
async function choosePort(wanted: number, name: string): Promise<number> {
  const port = await findPort(wanted, host);
  if (port !== wanted) note(`port ${wanted} is not available: ${name} listens on ${port}`);
  return port;
}

/** The viewer takes OTLP, too, but only as JSON. */
function sendOtlpTo(viewerUrl: string): void {
  const name = otlpProtocolVariable(config);
  const { [name]: protocol = 'http/json' } = config;
  if (protocol !== 'http/json') {
    die(`${name}=${protocol} is not valid without a backend: the trace viewer accepts OTLP only as http/json`);
  }
  env.OTEL_EXPORTER_OTLP_ENDPOINT = viewerUrl;
  env.OTEL_EXPORTER_OTLP_PROTOCOL = 'http/json';
  note('OTEL_TRACES_EXPORTER=otlp, and no backend listens: spans go to the trace viewer, as http/json');
}

/** Prints why `npm start` can't continue, and exits. */
function die(reason: string): never {
  console.error(reason);
  process.exit(1);
}

/**
 * Stops the services, callers first, then the viewer, which receives their last spans. A second Ctrl-C changes nothing.
 */
async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const service of services) await stopService(service);
  process.exit(exitCode);
}
