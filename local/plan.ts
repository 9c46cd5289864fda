import { isIPv6 } from 'node:net';
import { ConfigError, defaultOtlpPort, parseConfig } from '../src/config/config.ts';
import { quote } from '../src/config/quote.ts';
import { services } from '../src/services.ts';
import { findBackend } from './find-backend.ts';
import type { Machine } from './machine.ts';
import { findViewerPorts, type ViewerPorts } from './viewer/listen.ts';

/** Decides what `npm start` starts and says; start.ts does it, or experiment.ts. */
export type Plan = {
  /** What was decided for the user, a line each. */
  notes: string[];
  host: string;
  /** The services to start, callers first. */
  services: { name: string; port: number; url: string }[];
  /** The ports of the built-in viewer, if it is needed. */
  viewerPorts?: ViewerPorts;
  /** The variables of all services. */
  env: NodeJS.ProcessEnv;
  /** service1, for a browser. */
  browserUrl: string;
};

/**
 * @param shell the variables of the shell; they take precedence over `defaults`, those of otel.env
 * @param command for the error messages
 * @throws ConfigError if the demo can't start
 */
export async function makePlan(
  shell: NodeJS.ProcessEnv,
  defaults: NodeJS.ProcessEnv,
  machine: Machine,
  command = 'npm start',
): Promise<Plan> {
  if (shell.SERVICE_NAME !== undefined) {
    const name = quote(shell.SERVICE_NAME);
    throw new ConfigError(`SERVICE_NAME=${name} is not valid here: npm run service starts one service`);
  }
  const env: NodeJS.ProcessEnv = { ...defaults, ...shell };
  const config = parseConfig({ ...env, SERVICE_NAME: 'service1' }); // an error is printed once, not by each service
  const { HOST: host, PORT: wanted } = config;
  const urlOf = (port: number) => `http://${addressOf(host)}:${port}`;
  const browserUrlOf = (port: number) => urlOf(port).replace(/\/\/(127\.0\.0\.1|\[::1\])(?=:)/, '//localhost');
  const notes: string[] = [];
  const findPort = async (wanted: number, name: string) => {
    const port = await machine.findPort(wanted, host);
    if (port !== wanted) notes.push(`port ${wanted} is not available: ${name} listens on ${port}`);
    return port;
  };

  const service1 = await machine.findPort(wanted, host).catch((error) => {
    throw new ConfigError(`can't listen on HOST=${host}: ${error.message}`);
  });
  if (wanted !== 0 && service1 !== wanted) {
    const move = `or move service1 to another port: PORT=${await machine.findPort(wanted + 10, host)} ${command}`;
    throw new ConfigError(`port ${wanted} is taken: stop the program that uses it, ${move}`);
  }
  const started = [{ name: 'service1', port: service1, url: urlOf(service1) }];
  for (const [index, [name, service]] of Object.entries(services).entries()) {
    if (!('urlVariable' in service)) continue;
    const { urlVariable } = service;
    if (env[urlVariable]) {
      const { origin } = new URL(env[urlVariable]);
      notes.push(`${urlVariable} is set: ${origin} is called, and no service is started for it`);
    } else {
      const port = await findPort(service1 + index, name);
      env[urlVariable] = urlOf(port);
      started.push({ name, port, url: urlOf(port) });
    }
  }

  if (/\S/.test(env.OTEL_SERVICE_NAME ?? '') || /(^|,)\s*service\.name=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '')) {
    notes.push(
      'OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES names the service: all three have that name in the traces',
    );
  }
  // cached compiled code saves 20% of the startup time and 10% of the memory
  env.NODE_COMPILE_CACHE ??= 'node_modules/.cache/node';

  const plan = { notes, host, services: started, env, browserUrl: browserUrlOf(service1) };
  const backend = await findBackend(env, config, machine);
  if (backend) {
    notes.push(`${backend.reason}; the built-in trace viewer is not started`);
    if (backend.traceUiUrl) env.TRACE_UI_URL ??= backend.traceUiUrl;
    return plan;
  }
  const viewer = await findViewerPorts(machine.findPort, host);
  notes.push(...viewer.notes);
  const { main, otlp, grpc } = viewer.ports;
  env.OTEL_EXPORTER_ZIPKIN_ENDPOINT = `${urlOf(main)}/api/v2/spans`;
  env.OTEL_EXPORTER_OTLP_ENDPOINT ||= urlOf(defaultOtlpPort(config) === 4317 ? grpc : otlp);
  env.TRACE_UI_URL ??= `${browserUrlOf(main)}/zipkin/traces/{traceId}`;
  return { ...plan, viewerPorts: viewer.ports };
}

/** The address in the URL of a program that listens on `host`. */
function addressOf(host: string): string {
  return { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (isIPv6(host) ? `[${host}]` : host);
}

/**
 * The value of no_proxy with which this machine is called directly, too. With NODE_USE_ENV_PROXY=1, Node would send its
 * requests to the proxy.
 */
export function noProxy({ no_proxy, NO_PROXY, HOST = '127.0.0.1' }: NodeJS.ProcessEnv): string {
  const direct = no_proxy || NO_PROXY; // the lower-case name wins
  if (direct === '*') return direct;
  return [direct, 'localhost', '127.0.0.1', '[::1]', addressOf(HOST)].filter(Boolean).join();
}
