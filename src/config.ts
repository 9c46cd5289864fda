// The settings of a service, a row per environment variable: valid values, conversion, default. The only file that reads process.env.
// otel.env says what each variable does, and holds the same defaults.
import * as v from 'valibot';
import * as rule from './config/rules.ts';
import { quote } from './server/quote.ts';

const maxTimer = 2 ** 31 - 1; // milliseconds; a longer setTimeout fires at once

const ownVariables = {
  SERVICE_NAME: rule.oneOf('service1', 'service2', 'service3'),
  HOST: v.optional(rule.host, '127.0.0.1'),
  PORT: v.optional(rule.integer(0, 65_535, ' (0: any free port)')), // the default depends on SERVICE_NAME: see parseConfig
  SERVICE2_URL: v.optional(rule.downstreamUrl, 'http://127.0.0.1:5002'),
  SERVICE3_URL: v.optional(rule.downstreamUrl, 'http://127.0.0.1:5003'),
  INTENTIONAL_FAILURE_PCT: v.optional(rule.integer(0, 100), '50'),
  SERVICE3_SLEEP_MS: v.optional(rule.milliseconds(0, 600_000), '500'),
  DOWNSTREAM_TIMEOUT_MS: v.optional(rule.milliseconds(1, 290_000), '5000'), // undici gives up after 300 s
  LOG_LEVEL: v.optional(rule.oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info'),
  TRACE_UI_URL: v.optional(rule.traceUiUrl, 'http://localhost:9411/zipkin/traces/{traceId}'),
};

// The SDK replaces an invalid value with its default, or throws with a stack trace: check them here.
const otelVariables = {
  OTEL_SDK_DISABLED: v.optional(rule.oneOfAnyCase('true', 'false')),
  OTEL_LOG_LEVEL: v.optional(rule.oneOfAnyCase('none', 'error', 'warn', 'info', 'debug', 'verbose', 'all'), 'info'),
  OTEL_TRACES_EXPORTER: v.optional(rule.tracesExporter, 'zipkin'), // the SDK's own default is otlp
  OTEL_METRICS_EXPORTER: v.optional(rule.listOf('otlp', 'prometheus', 'console')),
  OTEL_LOGS_EXPORTER: v.optional(rule.listOf('otlp', 'console')),
  OTEL_PROPAGATORS: v.optional(rule.listOf('b3multi', 'b3', 'tracecontext', 'baggage'), 'b3multi,baggage'),
  OTEL_TRACES_SAMPLER: v.optional(
    rule.oneOf(
      ...(['always_on', 'always_off', 'traceidratio'] as const).flatMap((name) => [name, `parentbased_${name}`]),
    ),
  ),
  OTEL_TRACES_SAMPLER_ARG: v.optional(rule.ratio),
  OTEL_NODE_RESOURCE_DETECTORS: v.optional(rule.listOf('env', 'host', 'os', 'process', 'serviceinstance', 'all')),
  OTEL_RESOURCE_ATTRIBUTES: v.optional(rule.keyValueList),
  OTEL_BSP_SCHEDULE_DELAY: v.optional(rule.milliseconds(1, maxTimer)),
  OTEL_BSP_EXPORT_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer), '30000'),
  OTEL_BSP_MAX_QUEUE_SIZE: v.optional(rule.integer(1, 1_000_000), '2048'),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: v.optional(rule.integer(1, 1_000_000), '512'),
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: v.optional(rule.httpUrl, 'http://localhost:9411/api/v2/spans'),
  OTEL_EXPORTER_ZIPKIN_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer), '10000'),
  OTEL_EXPORTER_OTLP_ENDPOINT: v.optional(rule.httpUrl, 'http://localhost:4318'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: v.optional(rule.httpUrl),
  OTEL_EXPORTER_OTLP_PROTOCOL: v.optional(rule.oneOf('http/protobuf', 'http/json', 'grpc')),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: v.optional(rule.oneOf('http/protobuf', 'http/json', 'grpc')),
  OTEL_EXPORTER_OTLP_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer), '10000'),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer)),
};

export const variableNames = Object.keys({ ...ownVariables, ...otelVariables });

const settings = v.pipe(
  v.object({ ...ownVariables, ...otelVariables }),
  v.check(
    ({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: batch, OTEL_BSP_MAX_QUEUE_SIZE: queue }) => batch <= queue,
    ({ input: { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: batch, OTEL_BSP_MAX_QUEUE_SIZE: queue } }) =>
      `OTEL_BSP_MAX_EXPORT_BATCH_SIZE=${batch} is not valid: it must be at most OTEL_BSP_MAX_QUEUE_SIZE, which is ${queue}`,
  ),
  v.check(
    (values) => values.OTEL_BSP_EXPORT_TIMEOUT > exporterTimeout(values).ms,
    ({ input }) => {
      const { name, ms } = exporterTimeout(input);
      return `OTEL_BSP_EXPORT_TIMEOUT=${input.OTEL_BSP_EXPORT_TIMEOUT} is not valid: it must be more than ${name}, which is ${ms}`;
    },
  ),
);

function exporterTimeout(values: v.InferOutput<v.ObjectSchema<typeof otelVariables, undefined>>) {
  if (values.OTEL_TRACES_EXPORTER.includes('zipkin')) {
    return { name: 'OTEL_EXPORTER_ZIPKIN_TIMEOUT', ms: values.OTEL_EXPORTER_ZIPKIN_TIMEOUT };
  }
  const ms = values.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? values.OTEL_EXPORTER_OTLP_TIMEOUT;
  return { name: 'the timeout of the OTLP exporter', ms };
}

const defaultPorts = { service1: 5001, service2: 5002, service3: 5003 };

export type Config = ReturnType<typeof parseConfig>;

export class ConfigError extends Error {}

/**
 * The settings of one service, under the names of their variables.
 * @throws ConfigError with a line per invalid variable
 */
export function parseConfig(env: NodeJS.ProcessEnv) {
  // OpenTelemetry's specification treats an empty variable as unset. An empty variable of the demo's own is an error.
  const isSet = ([name, value]: [string, string?]) => !name.startsWith('OTEL_') || value?.trim();
  const variables = Object.fromEntries(Object.entries(env).filter(isSet));
  const { success, output, issues } = v.safeParse(settings, { SERVICE_NAME: undefined, ...variables });
  if (!success) throw new ConfigError(issues.map(describe).join('\n'));
  return Object.freeze({ ...output, PORT: output.PORT ?? defaultPorts[output.SERVICE_NAME] });
}

/** The settings of this process. If a variable is invalid, prints the error to stderr and exits with code 1. */
export function loadConfig(): Config {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

function describe({ path, input, message }: v.InferIssue<typeof settings>): string {
  if (!path) return message; // the check of several variables
  const name = path[0].key;
  if (input === undefined) return `${name} is not set: it must be ${message}`;
  return `${name}=${quote(withoutSecrets(String(input)))} is not valid: it must be ${message}`;
}

/** A password can hold any character: up to the last `@`, everything but the scheme may be part of it. */
const withoutSecrets = (url: string) =>
  url.replace(/^(\w+:\/\/)?.*@/s, '$1[redacted]@').replace(/[?#].*/s, '?[redacted]');
