// The settings of a service, a row per environment variable: valid values, conversion, and the default without otel.env.
// To change a default, change otel.env, which says what each does; for the demo's own variables, here as well (a test
// compares them). For OTEL_* the defaults here are OpenTelemetry's, but for the exporter and the propagators.
import * as v from 'valibot';
import { serviceNames, services } from '../services.ts';
import { quote } from './quote.ts';
import * as rule from './rules.ts';

const maxTimer = 2 ** 31 - 1; // milliseconds; a longer setTimeout fires at once

const ownVariables = {
  SERVICE_NAME: rule.oneOf(...serviceNames),
  HOST: v.optional(rule.host, '127.0.0.1'),
  // the default depends on SERVICE_NAME: see parseConfig
  PORT: v.optional(rule.port),
  SERVICE2_URL: v.optional(rule.downstreamUrl, `http://127.0.0.1:${services.service2.port}`),
  SERVICE3_URL: v.optional(rule.downstreamUrl, `http://127.0.0.1:${services.service3.port}`),
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
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ),
  ),
  OTEL_TRACES_SAMPLER_ARG: v.optional(rule.ratio),
  OTEL_NODE_RESOURCE_DETECTORS: v.optional(rule.listOf('env', 'host', 'os', 'process', 'serviceinstance', 'all')),
  OTEL_RESOURCE_ATTRIBUTES: v.optional(rule.keyValueList),
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: v.optional(rule.integer(1, 1_000_000)),
  OTEL_BSP_SCHEDULE_DELAY: v.optional(rule.milliseconds(1, maxTimer)),
  OTEL_BSP_EXPORT_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer), '30000'),
  OTEL_BSP_MAX_QUEUE_SIZE: v.optional(rule.integer(1, 1_000_000), '2048'),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: v.optional(rule.integer(1, 1_000_000), '512'),
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: v.optional(rule.zipkinUrl, 'http://localhost:9411/api/v2/spans'),
  OTEL_EXPORTER_ZIPKIN_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer), '10000'),
  OTEL_EXPORTER_OTLP_ENDPOINT: v.optional(v.string()), // checked below: the protocol decides
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: v.optional(v.string()),
  OTEL_EXPORTER_OTLP_PROTOCOL: v.optional(rule.oneOf('http/protobuf', 'http/json', 'grpc')),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: v.optional(rule.oneOf('http/protobuf', 'http/json', 'grpc')),
  OTEL_EXPORTER_OTLP_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer), '10000'),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: v.optional(rule.milliseconds(1, maxTimer)),
};

const variables = v.object({ ...ownVariables, ...otelVariables });
type Variables = v.InferOutput<typeof variables>;

export const variableNames = Object.keys(variables.entries);

const settings = v.pipe(
  variables,
  v.forward(
    v.check(
      (values) => values.OTEL_BSP_MAX_EXPORT_BATCH_SIZE <= values.OTEL_BSP_MAX_QUEUE_SIZE,
      ({ input }) => `at most OTEL_BSP_MAX_QUEUE_SIZE, which is ${input.OTEL_BSP_MAX_QUEUE_SIZE}`,
    ),
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
  ),
  v.forward(
    v.check(
      (values) => values.OTEL_BSP_EXPORT_TIMEOUT > exporterTimeout(values).ms,
      ({ input }) => `more than ${exporterTimeout(input).name}, which is ${exporterTimeout(input).ms}`,
    ),
    ['OTEL_BSP_EXPORT_TIMEOUT'],
  ),
  validOtlpEndpoint('OTEL_EXPORTER_OTLP_ENDPOINT'),
  validOtlpEndpoint('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
);

function validOtlpEndpoint(name: 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') {
  const isValid = (values: Variables) => {
    const { [name]: endpoint } = values;
    return endpoint === undefined || rule.isHttpUrl(endpoint) || (usesGrpc(values) && rule.isGrpcTarget(endpoint));
  };
  const allowed = 'an http:// or https:// URL (with the protocol grpc, also host:port or unix:///path)';
  return v.forward(v.check(isValid, allowed), [name]);
}

const usesGrpc = (values: Variables) =>
  (values.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? values.OTEL_EXPORTER_OTLP_PROTOCOL) === 'grpc';

/** The port of this machine that OTLP goes to unless an endpoint is set. */
export const defaultOtlpPort = (values: Variables) => (usesGrpc(values) ? 4317 : 4318);

function exporterTimeout(values: Variables) {
  if (values.OTEL_TRACES_EXPORTER.includes('zipkin')) {
    return { name: 'OTEL_EXPORTER_ZIPKIN_TIMEOUT', ms: values.OTEL_EXPORTER_ZIPKIN_TIMEOUT };
  }
  const ms = values.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? values.OTEL_EXPORTER_OTLP_TIMEOUT;
  return { name: 'the timeout of the OTLP exporter', ms };
}

export type Config = Readonly<Variables & { PORT: number }>;

export class ConfigError extends Error {}

/**
 * The settings of one service, under the names of their variables.
 * @throws ConfigError with a line per invalid variable
 */
export function parseConfig(env: NodeJS.ProcessEnv): Config {
  // OpenTelemetry's specification treats an empty variable as unset. An empty variable of the demo's own is an error.
  const isSet = ([name, value]: [string, string | undefined]) => !name.startsWith('OTEL_') || value?.trim();
  const set = Object.fromEntries(Object.entries(env).filter(isSet));
  // SERVICE_NAME is always a key: valibot has a message of its own for a missing one.
  const { success, output, issues } = v.safeParse(settings, { SERVICE_NAME: undefined, ...set });
  if (!success) throw new ConfigError(issues.map(describe).join('\n'));
  return Object.freeze({ ...output, PORT: output.PORT ?? services[output.SERVICE_NAME].port });
}

/** Like parseConfig, but prints the error to stderr and exits with code 1. */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  try {
    return parseConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

function describe({ path, message }: v.InferIssue<typeof settings>): string {
  const [{ key, value } = {}] = path ?? [];
  if (value === undefined) return `${key} is not set: it must be ${message}`;
  return `${key}=${quote(withoutSecrets(String(value)))} is not valid: it must be ${message}`;
}

/** A password can hold any character: up to the last `@`, everything but the scheme may be part of it. */
const withoutSecrets = (value: string) =>
  value.replace(/^(\w+:\/\/)?.*@/s, '$1REDACTED@').replace(/[?#].*/s, '?REDACTED');
