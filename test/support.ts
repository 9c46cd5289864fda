// What the tests share: real services on free ports, a backend for their spans, and a way to look at a trace.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { createViewer, type ZipkinSpan } from '../src/local/viewer.ts';

export const { ZIPKIN_URL, JAEGER_URL, JAEGER_OTLP_URL, JAEGER_ZIPKIN_URL } = process.env;
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** For a test's `skip` option: the reason where something that it needs is not here. In CI nothing may be missing. */
export function unless(present: unknown, reason: string): string | false {
  if (!present && process.env.CI) throw new Error(`CI has to make this present: ${reason}`);
  return present ? false : reason;
}
export const noZipkin = () => unless(ZIPKIN_URL, 'no real Zipkin (ZIPKIN_URL)');
export const noJaeger = () => unless(JAEGER_URL, 'no real Jaeger (JAEGER_URL, JAEGER_OTLP_URL, JAEGER_ZIPKIN_URL)');
export const noChromium = () => unless(existsSync(CHROMIUM), `no Chromium (${CHROMIUM})`);

/** Waits until `look` gives something, for 20 s or as long as it says. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 20,
) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for: ${what}`);
    await sleep(25);
  }
}

/** What `promise` comes to, unless it takes longer than the 10 s after which Docker kills. */
export const within10s = <T>(promise: Promise<T>) =>
  Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 10_000, 'too late').unref())]);

/** A process whose output is kept. Disposing of it kills it, if it still runs. */
export function run(command: string, args: string[], env: Record<string, string | undefined>, cwd = process.cwd()) {
  const child: ChildProcess = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    detached: true, // a group of its own, to signal as a terminal does
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.stderr += chunk;
  });
  const exit = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return {
    pid: child.pid as number,
    text,
    exit,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    closeStdout: () => void child.stdout?.destroy(),
    signalGroup: (signal: NodeJS.Signals) => process.kill(-(child.pid as number), signal),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exit;
    },
  };
}

export type Line = Record<string, unknown> & { level: string; msg: string };

/** The lines of JSON that a service has logged. */
export function linesOf({ text }: { text: { stdout: string } }): Line[] {
  const whole = text.stdout.slice(0, text.stdout.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line));
}

const preload = ['--import', './src/telemetry.ts'];

/** `npm run service` on a free port, with only these variables on top of otel.env. */
export async function startService(
  SERVICE_NAME: 'service1' | 'service2' | 'service3',
  env: Record<string, string> = {},
  { telemetry = true } = {},
) {
  const args = ['--env-file=otel.env', ...(telemetry ? preload : []), 'src/main.ts'];
  const service = run(process.execPath, args, { SERVICE_NAME, PORT: '0', ...env });
  const exited = service.exit.then((code) => {
    throw new Error(`${SERVICE_NAME} exited with ${code}: ${service.text.stderr}`);
  });
  const listening = until(`${SERVICE_NAME} to listen`, () => service.text.stdout.match(/http:\/\/[\d.:]+/)?.[0]);
  const url = await Promise.race([listening, exited]);
  exited.catch(() => {}); // from now on it may exit
  return { url, ...service };
}

/** The three services; spans go to `backend`. Failures and sleep are off unless `env` says otherwise. */
export async function startDemo(backend: { env: Record<string, string> }, env: Record<string, string> = {}) {
  const shared = { INTENTIONAL_FAILURE_PCT: '0', SERVICE3_SLEEP_MS: '1', ...backend.env, ...env };
  const service3 = await startService('service3', shared);
  const service2 = await startService('service2', { SERVICE3_URL: service3.url, ...shared });
  const service1 = await startService('service1', {
    SERVICE2_URL: service2.url,
    SERVICE3_URL: service3.url,
    ...shared,
  });
  const all = [service1, service2, service3];
  return {
    url: service1.url,
    service1,
    service2,
    service3,
    [Symbol.asyncDispose]: async () => void (await Promise.all(all.map((service) => service[Symbol.asyncDispose]()))),
  };
}

/** An HTTP server on a free port. */
export async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Those of the ports on which somebody listens. */
export async function openPorts(ports: number[]): Promise<number[]> {
  const isOpen = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
  const states = await Promise.all(ports.map(isOpen));
  return ports.filter((_, index) => states[index]);
}

/** A URL on which nothing listens. */
export async function closedUrl() {
  await using server = await serve(() => {});
  return server.url;
}

export type Backend = { env: Record<string, string>; trace: (id: string) => Promise<ZipkinSpan[]> };

/** A Zipkin, the real one or a stand-in: where to send spans, and how to read a trace back. */
export function zipkinAt(url: string): Backend & { url: string } {
  return {
    url,
    env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/api/v2/spans` },
    trace: async (id) => {
      const response = await fetch(`${url}/api/v2/trace/${id}`);
      return response.ok ? ((await response.json()) as ZipkinSpan[]) : [];
    },
  };
}

/** The built-in viewer on a free port. */
export async function startViewer() {
  const server = await serve(createViewer());
  return { ...zipkinAt(server.url), [Symbol.asyncDispose]: server[Symbol.asyncDispose] };
}

/** Jaeger, read through its query API and brought into Zipkin's form. */
export function jaegerAt(url: string | undefined, env: Record<string, string>): Backend {
  type Tag = { key: string; type: string; value: unknown };
  type Span = {
    spanID: string;
    operationName: string;
    startTime: number;
    processID: string;
    references: { spanID: string }[];
    tags: Tag[];
  };
  type Trace = { spans: Span[]; processes: Record<string, { serviceName: string }> };
  return {
    env,
    trace: async (id) => {
      const response = await fetch(`${url}/api/traces/${id}`);
      if (!response.ok) return [];
      const { data } = (await response.json()) as { data: Trace[] };
      return data.flatMap(({ spans, processes }) =>
        spans.map((span) => {
          // Jaeger marks a failed span with a boolean `error` of its own; the reason is the status description, our tag, or the type
          const tags = Object.fromEntries(
            span.tags.filter((t) => t.type === 'string').map((t) => [t.key, `${t.value}`]),
          );
          const {
            'span.kind': kind,
            'otel.status_description': reason = tags.error ?? tags['error.type'],
            ...others
          } = tags;
          const failed = span.tags.some((tag) => tag.key === 'error' && tag.value === true);
          return {
            traceId: id,
            id: span.spanID,
            parentId: span.references[0]?.spanID,
            name: span.operationName.toLowerCase(),
            kind: kind && kind !== 'internal' ? kind.toUpperCase() : undefined,
            timestamp: span.startTime,
            localEndpoint: { serviceName: processes[span.processID]?.serviceName },
            tags: { ...others, ...(failed && { error: reason ?? 'true' }) },
          } as ZipkinSpan;
        }),
      );
    },
  };
}

/** The trace once all `count` spans of it have arrived. */
export function traceOf(backend: Backend, traceId: string, count: number): Promise<ZipkinSpan[]> {
  return until(`${count} spans of trace ${traceId}`, async () => {
    const spans = await backend.trace(traceId);
    if (spans.length > count) throw new Error(`${spans.length} spans instead of ${count}:\n${draw(spans)}`);
    return spans.length === count && spans;
  });
}

/** A trace as an indented tree, a line per span: kind, service, name, route and error, where there are any. */
export function draw(spans: ZipkinSpan[]): string {
  const ids = new Set(spans.map((span) => span.id));
  const childrenOf = (id: string | undefined): ZipkinSpan[] =>
    spans
      .filter((span) => (id ? span.parentId === id : !ids.has(span.parentId ?? '')))
      .sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0) || (a.name ?? '').localeCompare(b.name ?? ''));
  const lines = (span: ZipkinSpan, depth: number): string[] => {
    const { error, 'http.route': route } = span.tags ?? {};
    const facts = [span.kind ?? '-', span.localEndpoint?.serviceName, span.name, route && `route=${route}`];
    const line = [...facts, error && `error=${error}`].filter(Boolean).join(' ');
    return [' '.repeat(2 * depth) + line, ...childrenOf(span.id).flatMap((child) => lines(child, depth + 1))];
  };
  return childrenOf(undefined)
    .flatMap((root) => lines(root, 0))
    .join('\n');
}

export const goodTrace = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get
      SERVER service2 get / route=/
        - service2 call_service3_from_service2
          CLIENT service2 get
            SERVER service3 get / route=/
              - service3 sleep_service3
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`.trim();

export const failedTrace = `
SERVER service1 get / route=/
  - service1 call_service2_from_service1
    CLIENT service1 get error=500
      SERVER service2 get / route=/ error=500
        - service2 call_service3_from_service2 error=Intentional 100% failure
  - service1 call_service3_from_service1
    CLIENT service1 get
      SERVER service3 get / route=/
        - service3 sleep_service3`.trim();

export type Answer = {
  failure_chance_pct: number;
  response_codes: Record<string, number | null>;
  errors?: Record<string, { status: number; message: string }>;
  trace_id?: string;
  trace_url?: string;
};

/** GETs `url` and gives the status and the JSON of the answer. */
export async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
}

/** An id of so many random hex digits. */
export const hex = (digits: number) =>
  Array.from({ length: digits }, () => (1 + Math.floor(Math.random() * 15)).toString(16)).join('');

/** A page, and what went wrong on it: errors on its console, and requests that left this machine. */
export async function openBrowser() {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on(
    'request',
    (request) => /^(http:\/\/(127\.0\.0\.1|localhost):|data:)/.test(request.url()) || problems.push(request.url()),
  );
  return { page, problems, [Symbol.asyncDispose]: () => browser.close() };
}
