// The only file that reads process.env. otel.env says what each variable does and holds the same defaults.
// (Plain rules, because they start faster: importing zod alone took 90 to 150 ms where all of this took 20 to 50.)
import { isIP } from 'node:net';
import type { DiagLogLevel } from '@opentelemetry/api';
import { quote } from './server/quote.ts';

export type Config = ReturnType<typeof parseConfig>;

/** What a variable may hold: in words, for the one who has to mend it, and as a test. */
type Rule = { allowed: string; accepts: (text: string) => boolean };

const oneOf = (...names: string[]): Rule => ({ allowed: names.join(' | '), accepts: (text) => names.includes(text) });
const anyCase = ({ allowed, accepts }: Rule): Rule => ({ allowed, accepts: (text) => accepts(text.toLowerCase()) });
const listOf = (...names: string[]): Rule => ({
  allowed: `none, or a comma-separated list of ${names.join(', ')}`,
  accepts: (text) => text.trim() === 'none' || splitList(text).every((item) => names.includes(item)),
});
export const integer = (min: number, max: number, unit = ''): Rule => ({
  allowed: `an integer from ${min} to ${max}${unit}`,
  accepts: (text) => /^(0|[1-9]\d{0,9})$/.test(text) && Number(text) >= min && Number(text) <= max,
});
const milliseconds = (min: number, max: number) => integer(min, max, ' (milliseconds)');
const httpUrl: Rule = {
  allowed: 'an http:// or https:// URL',
  accepts: (text) => /^https?:\/\/[^\s/]\S*$/.test(text) && URL.canParse(text),
};
const downstreamUrl: Rule = {
  allowed: `${httpUrl.allowed} without user name and password`, // fetch takes none
  accepts: (text) => httpUrl.accepts(text) && !text.includes('@'),
};

const ownRules = {
  SERVICE_NAME: oneOf('service1', 'service2', 'service3'),
  HOST: { allowed: 'an IP address or localhost', accepts: (text: string) => isIP(text) > 0 || text === 'localhost' },
  PORT: integer(0, 65_535, ' (0: any free port)'),
  SERVICE2_URL: downstreamUrl,
  SERVICE3_URL: downstreamUrl,
  INTENTIONAL_FAILURE_PCT: integer(0, 100),
  SERVICE3_SLEEP_MS: milliseconds(0, 600_000),
  DOWNSTREAM_TIMEOUT_MS: milliseconds(1, 290_000), // undici gives up after 300 s,
  LOG_LEVEL: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  TRACE_UI_URL: {
    allowed: `${httpUrl.allowed} with {traceId} in it`,
    accepts: (text: string) => text.includes('{traceId}') && httpUrl.accepts(text.replaceAll('{traceId}', '0')),
  },
};

// At a value that it does not know, the SDK takes a default and logs a line at most, or throws a stack trace: so they are checked here.
const maxTimer = 2 ** 31 - 1; // a longer setTimeout fires at once
const otelRules = {
  OTEL_SDK_DISABLED: anyCase(oneOf('true', 'false')),
  OTEL_LOG_LEVEL: anyCase(oneOf('none', 'error', 'warn', 'info', 'debug', 'verbose', 'all')),
  OTEL_TRACES_EXPORTER: {
    // The SDK would create Zipkin's exporter itself then, without the timeout and retries of RetryingZipkinExporter.
    allowed: 'zipkin alone, none, or a comma-separated list of otlp, console',
    accepts: (text: string) => text.trim() === 'zipkin' || listOf('otlp', 'console').accepts(text),
  },
  OTEL_METRICS_EXPORTER: listOf('otlp', 'prometheus', 'console'),
  OTEL_LOGS_EXPORTER: listOf('otlp', 'console'),
  OTEL_PROPAGATORS: listOf('b3multi', 'b3', 'tracecontext', 'baggage'),
  OTEL_TRACES_SAMPLER: oneOf(
    ...['always_on', 'always_off', 'traceidratio'].flatMap((sampler) => [sampler, `parentbased_${sampler}`]),
  ),
  OTEL_TRACES_SAMPLER_ARG: {
    allowed: 'a number from 0 to 1',
    accepts: (text: string) => /^\d*\.?\d+$/.test(text) && Number(text) <= 1,
  },
  OTEL_NODE_RESOURCE_DETECTORS: listOf('env', 'host', 'os', 'process', 'serviceinstance', 'all'),
  OTEL_BSP_SCHEDULE_DELAY: milliseconds(1, maxTimer),
  OTEL_BSP_EXPORT_TIMEOUT: milliseconds(1, maxTimer),
  OTEL_BSP_MAX_QUEUE_SIZE: integer(1, 1_000_000),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: integer(1, 1_000_000),
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: httpUrl,
  OTEL_EXPORTER_ZIPKIN_TIMEOUT: milliseconds(1, maxTimer),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl,
  OTEL_EXPORTER_OTLP_PROTOCOL: oneOf('http/protobuf', 'http/json', 'grpc'),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: oneOf('http/protobuf', 'http/json', 'grpc'),
  OTEL_EXPORTER_OTLP_TIMEOUT: milliseconds(1, maxTimer),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: milliseconds(1, maxTimer),
};

export class ConfigError extends Error {}

/**
 * The settings of one service, from environment variables. Durations are in milliseconds.
 * @throws ConfigError with one line per variable that holds what it may not, all of them at once.
 */
export function parseConfig(env: NodeJS.ProcessEnv) {
  const faults: string[] = [];
  const check = (name: string, text: string | undefined, { allowed, accepts }: Rule) => {
    if (text === undefined) faults.push(`${name} is not set: it must be ${allowed}`);
    else if (!accepts(text)) faults.push(`${name}=${quote(withoutPassword(text))} is not valid: it must be ${allowed}`);
    return text ?? '';
  };
  const own = (name: keyof typeof ownRules, fallback?: string) => check(name, env[name] ?? fallback, ownRules[name]);

  const otel = (name: string) => (env[name]?.trim() ? env[name] : undefined); // empty is unset, says OpenTelemetry's specification
  for (const [name, rule] of Object.entries(otelRules)) {
    if (otel(name)) check(name, otel(name), rule);
  }
  const batch = Number(otel('OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? 512);
  const queue = Number(otel('OTEL_BSP_MAX_QUEUE_SIZE') ?? 2048);
  if (faults.length === 0 && batch > queue) {
    faults.push(
      `OTEL_BSP_MAX_EXPORT_BATCH_SIZE=${batch} is not valid: OTEL_BSP_MAX_QUEUE_SIZE is ${queue}, it must be at most that`,
    );
  }

  // Where these two are not set: Zipkin and B3, instead of OpenTelemetry's OTLP and tracecontext.
  const exporters = splitList(otel('OTEL_TRACES_EXPORTER') ?? 'zipkin');
  const propagators = splitList(otel('OTEL_PROPAGATORS') ?? 'b3multi,baggage');
  const otlp = otel('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? otel('OTEL_EXPORTER_OTLP_ENDPOINT');
  const endpoints: Record<string, string> = {
    zipkin: otel('OTEL_EXPORTER_ZIPKIN_ENDPOINT') ?? 'http://localhost:9411/api/v2/spans',
    otlp: otlp ?? `http://localhost:${otel('OTEL_EXPORTER_OTLP_PROTOCOL') === 'grpc' ? 4317 : 4318}`,
  };

  const serviceName = own('SERVICE_NAME') as 'service1' | 'service2' | 'service3';
  const config = {
    serviceName,
    host: own('HOST', '127.0.0.1'),
    port: Number(own('PORT', { service1: '5001', service2: '5002', service3: '5003' }[serviceName] ?? '0')),
    service2Url: own('SERVICE2_URL', 'http://127.0.0.1:5002'),
    service3Url: own('SERVICE3_URL', 'http://127.0.0.1:5003'),
    intentionalFailurePct: Number(own('INTENTIONAL_FAILURE_PCT', '50')),
    service3SleepMs: Number(own('SERVICE3_SLEEP_MS', '500')),
    downstreamTimeoutMs: Number(own('DOWNSTREAM_TIMEOUT_MS', '5000')),
    logLevel: own('LOG_LEVEL', 'info'),
    traceUiUrl: own('TRACE_UI_URL', 'http://localhost:9411/zipkin/traces/{traceId}'),
    exporters,
    propagators,
    backend: exporters.map((name) => originAndPath(endpoints[name] ?? name)).join(', '),
    zipkinTimeoutMs: Number(otel('OTEL_EXPORTER_ZIPKIN_TIMEOUT') ?? 30_000),
    otelLogLevel: (otel('OTEL_LOG_LEVEL') ?? 'info').toUpperCase() as keyof typeof DiagLogLevel,
  };
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  return Object.freeze(config);
}

/** The settings of this process. Where a variable is at fault, says so on stderr and exits with code 1. */
export function loadConfig(): Config {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

const splitList = (text: string) => text.split(',').map((item) => item.trim());

/** A URL without user name, password and query, for messages. */
function originAndPath(text: string): string {
  if (!URL.canParse(text)) return text;
  const { origin, pathname } = new URL(text);
  return origin + pathname;
}

const withoutPassword = (url: string) => url.replace(/\/\/.*@/g, '//[redacted]@').replace(/\?.*/, '?[redacted]');
