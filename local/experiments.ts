import { services } from '../src/services.ts';

export type Setup = {
  env: Record<string, string>;
  /** The service that has the variables. Undefined: all three. */
  service?: 'service2' | 'service3';
  /** The program of that service, instead of src/main.ts. */
  program?: string;
  /** The query of the request to service1. */
  query?: string;
  /** How many requests are sent. */
  requests?: number;
};

export type Experiment = {
  /** A line for the list of experiments. */
  about: string;
  broken: Setup;
  mended: Setup;
  /** The spans of a request that is sampled: broken, then mended. */
  spans: [number, number];
  hint: string;
  cause: string;
  cure: string;
};

/** The experiments of docs/experiments.md. Riddles are made from the first four. */
export const experiments = {
  untraced: {
    about: 'a service without tracing',
    broken: { service: 'service2', env: { INTENTIONAL_FAILURE_PCT: '0', OTEL_SDK_DISABLED: 'true' } },
    mended: { env: {} },
    spans: [9, 12],
    hint: 'What is below the CLIENT span of the call to service2? And what else is in the list of all traces?',
    cause: `Below service1's CLIENT span for service2 there is nothing: service2 is not traced (OTEL_SDK_DISABLED=true).
It does not pass on the B3 headers either, so service3 takes its call for a new request, and begins a second trace.
(If service2's spans had only been lost, service3's would be in the first trace.)`,
    cure: 'Preload the tracing in service2, too. Here: start it without OTEL_SDK_DISABLED=true.',
  },
  headers: {
    about: 'services that read different headers',
    broken: { service: 'service3', env: { OTEL_PROPAGATORS: 'tracecontext' } },
    mended: { service: 'service3', env: { OTEL_PROPAGATORS: 'b3multi,tracecontext,baggage' } },
    spans: [12, 12],
    hint: 'Two CLIENT spans have nothing below them. Whom do they call? And what else is in the list of all traces?',
    cause: `Below both CLIENT spans of calls to service3 there is nothing; each call has begun a trace of its own.
service1 and service2 send B3 headers (X-B3-TraceId, ...). service3 reads another one, traceparent, and finds none.`,
    cure: 'Let service3 read both. It then also sends both, so services can change to traceparent one at a time.',
  },
  'by-hand': {
    about: 'headers that are passed on by hand',
    broken: { service: 'service2', env: {}, program: 'local/forward.mjs' },
    mended: { env: {} },
    spans: [11, 12],
    hint: 'service3 is called twice. Which of the calls has begun a trace of its own, and who made it?',
    cause: `Below service2's CLIENT span there is nothing; service1's call to service3 is in the trace. service2 copies the
B3 headers of its request into its call (local/forward.mjs), and the instrumentation of fetch sends them, too. Node
joins the two values of X-B3-TraceId into one, which is not a valid ID: service3 begins a new trace.`,
    cure: 'Remove the copying. The instrumentation sends the headers, and with them the right parent.',
  },
  outlived: {
    about: 'work that outlives its caller',
    broken: { env: { SERVICE3_SLEEP_MS: '2000', DOWNSTREAM_TIMEOUT_MS: '3000' } },
    mended: { env: { SERVICE3_SLEEP_MS: '2000', DOWNSTREAM_TIMEOUT_MS: '8000' } },
    spans: [12, 12],
    hint: 'Which span fails first, in time? And which span goes on after those above it have ended?',
    cause: `service2 gives up after 1.5 seconds (half of DOWNSTREAM_TIMEOUT_MS, 3000), and responds 502: its spans are red.
service3 keeps working: its SERVER span is red because the client disconnected before the response; sleep_service3 is
not. service1 waits for 3 seconds, so its own call to service3 succeeds.`,
    cure: 'A timeout longer than the work, or work that stops when the caller does.',
  },
  parallel: {
    about: 'calls one after the other, or both at once',
    broken: { env: {} },
    mended: { env: {}, query: '?failure_pct=0&parallel=1' },
    spans: [12, 12],
    hint: 'When does the call to service3 start? Does it need the result of the call to service2?',
    cause: `service1 waits for service2 before it calls service3: the trace is a staircase, and as long as both calls
together.`,
    cure: "Make calls that don't need each other's results at the same time.",
  },
  'not-kept': {
    about: 'failed requests without a trace',
    broken: {
      env: { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
      query: '?failure_pct=100',
      requests: 100,
    },
    mended: { env: {}, query: '?failure_pct=100', requests: 100 },
    spans: [9, 9],
    hint: 'All of the requests failed in service2. Which service decides whether one leaves a trace, and when?',
    cause: `service1, in which the trace begins, decides by the trace ID: one request in ten is sampled. The others follow.
When service2 fails, the decision has been made.`,
    cure: `Keep all, as here; or keep those that failed: send all spans to a Collector, which decides when it has seen them
(BACKEND=collector docker compose up --build).`,
  },
} satisfies Record<string, Experiment>;

export type ExperimentName = keyof typeof experiments;

/** The experiment behind `riddle 1` to `riddle 4`. */
export const riddles: ExperimentName[] = ['outlived', 'by-hand', 'untraced', 'headers'];

/** The commands that a setup stands for: each of them in a terminal of its own, the request last. */
export function commandsOf({ env, service, program, query = '?failure_pct=0', requests }: Setup): string[] {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value} `);
  const curl = `'localhost:5001/${query}'`;
  const request = requests
    ? `for i in $(seq ${requests}); do curl -s ${curl}; done | grep -c trace_url`
    : `curl ${curl}`;
  if (!service) return [`${variables.join('')}npm start`, request];
  const { urlVariable, port } = services[service];
  const run = program ? `npx node --env-file=otel.env --import ./src/telemetry.ts ${program}` : 'npm run service';
  return [
    `${urlVariable}=http://localhost:${port} npm start`,
    `${variables.join('')}SERVICE_NAME=${service} ${run}`,
    request,
  ];
}
