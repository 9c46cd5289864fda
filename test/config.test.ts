import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { parseEnv } from 'node:util';
import { isBlockedPort } from '../src/config/blocked-ports.ts';
import { composeWarnings } from '../src/config/compose-warnings.ts';
import { ConfigError, parseConfig, variableNames } from '../src/config/config.ts';
import { describeDestination } from '../src/config/describe-destination.ts';
import { serviceNames } from '../src/services.ts';
import { run } from './support/process.ts';
import { serve } from './support/servers.ts';

const service = (env: Record<string, string>) =>
  run(process.execPath, ['--env-file=otel.env', '--import', './src/telemetry.ts', 'src/main.ts'], {
    PORT: '0',
    ...env,
  });

const names = serviceNames.join(' | ');
const noUrl = [
  '',
  'abc',
  'localhost:5002',
  '//host',
  'ftp://host/',
  'http://',
  'http://a b/',
  'http://user:s3cret@host/',
  'http://host:1/',
];

const invalid: Record<string, string[]> = {
  SERVICE_NAME: ['', 'service9', 'Service1'],
  HOST: ['', 'abc', '999.0.0.1'],
  PORT: ['', 'abc', '-1', '65536', '1e3', '80 80', '6000'],
  SERVICE2_URL: noUrl,
  SERVICE3_URL: noUrl,
  INTENTIONAL_FAILURE_PCT: ['', 'abc', '-1', '101', '50%', ' '],
  SERVICE3_SLEEP_MS: ['', 'abc', '-1', '1e9', '0.5', '1000000000'],
  DOWNSTREAM_TIMEOUT_MS: ['', '0', '290001', 'abc', '-1', '1e9'],
  TRACE_UI_URL: [
    '',
    'abc',
    'http://localhost:9411/',
    'javascript:alert({traceId})',
    'localhost/{traceId}',
    'http://h:{traceId}/',
  ],
  OTEL_TRACES_EXPORTER: ['jaeger', 'Zipkin', 'zipkin,console', 'otlp,jaeger', 'otlp,none', 'otlp,'],
  OTEL_METRICS_EXPORTER: ['zipkin'],
  OTEL_LOGS_EXPORTER: ['zipkin'],
  OTEL_PROPAGATORS: ['b3Multi', 'jaeger', 'b3;baggage'],
  OTEL_TRACES_SAMPLER: ['on', 'ratio', ' always_on'],
  OTEL_TRACES_SAMPLER_ARG: ['abc', '-1', '1.5', '10%', '1e9'],
  OTEL_NODE_RESOURCE_DETECTORS: ['environment'],
  OTEL_RESOURCE_ATTRIBUTES: ['team', 'team=a=b', '=a', 'team=100%', 'team=a,'],
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: ['abc', '0', '-1', '1e3'],
  OTEL_BSP_SCHEDULE_DELAY: ['abc', '-1', '0', '1e9', '9999999999'],
  OTEL_BSP_EXPORT_TIMEOUT: ['abc', '-1', '0'],
  OTEL_BSP_MAX_QUEUE_SIZE: ['abc', '-1', '0'],
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: ['abc', '-1', '0', '9000'],
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: ['abc', 'localhost:9411', 'ftp://localhost:9411/', 'http://user:100%@host/'],
  OTEL_EXPORTER_ZIPKIN_TIMEOUT: ['abc', '0', '-1', '1e9'],
  OTEL_EXPORTER_OTLP_ENDPOINT: ['abc', 'localhost:4318'],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ['abc', 'a b'],
  OTEL_EXPORTER_OTLP_PROTOCOL: ['http', 'thrift'],
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: ['http', 'thrift'],
  OTEL_EXPORTER_OTLP_TIMEOUT: ['abc'],
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: ['abc'],
  LOG_LEVEL: ['', 'loud', 'INFO'],
  OTEL_LOG_LEVEL: ['loud', '1'],
  OTEL_SDK_DISABLED: ['yes'],
};

const defaults = parseEnv(readFileSync('otel.env', 'utf8')) as Record<string, string>;

suite('an invalid value is one line with the variable, the value and the valid values', () => {
  for (const [name, values] of Object.entries(invalid)) {
    test(name, () => {
      for (const value of values) {
        assert.throws(
          () => parseConfig({ ...defaults, [name]: value }),
          (error: Error) => {
            const [subject, rule = ''] = error.message.split(' is not valid: ');
            assert.equal(subject?.replaceAll('"', ''), `${name}=${value.replace(/user:[^@]*/, 'REDACTED')}`);
            assert.match(rule, /^[^\n]*it must be [^\n]{5,}$/);
            return true;
          },
          `${name}=${value} is accepted`,
        );
      }
    });
  }
});

test('otel.env and docker/shell.env have every variable, and each has an invalid value above', () => {
  const namesIn = (file: string) =>
    [...readFileSync(file, 'utf8').matchAll(/^#?([A-Z][A-Z0-9_]+)(=|$)/gm)].map(([, name = '']) => name);
  const setByCompose = ['SERVICE_NAME', 'HOST', 'PORT', 'SERVICE2_URL', 'SERVICE3_URL'];
  const all = variableNames.toSorted();
  assert.deepEqual([...new Set(namesIn('otel.env'))].sort(), all); // the sampler has two lines, one of them commented out
  const notSettings = ['BACKEND', 'COMPOSE_PROFILES']; // see composeWarnings
  assert.deepEqual(
    namesIn('docker/shell.env').sort(),
    [...all.filter((name) => !setByCompose.includes(name)), ...notSettings].sort(),
  );
  assert.deepEqual(Object.keys(invalid).sort(), all);
});

test('all invalid values are reported at once on stderr, and the service exits with 1 before it listens', async () => {
  await using started = service({
    SERVICE_NAME: 'service9',
    INTENTIONAL_FAILURE_PCT: '101',
    OTEL_TRACES_EXPORTER: 'jaeger',
  });
  assert.equal(await started.exit, 1);
  assert.equal(started.text.stdout, '');
  assert.deepEqual(started.text.stderr.trimEnd().split('\n').sort(), [
    'INTENTIONAL_FAILURE_PCT="101" is not valid: it must be an integer from 0 to 100',
    'OTEL_TRACES_EXPORTER="jaeger" is not valid: it must be zipkin alone, none, or a comma-separated list of otlp, console',
    `SERVICE_NAME="service9" is not valid: it must be ${names}`,
  ]);
});

test('with the protocol grpc, the endpoint may be host:port or a socket; with another it must be a URL', () => {
  for (const protocol of ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL']) {
    for (const endpoint of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) {
      const parse = (value: string, other: object) =>
        parseConfig({ SERVICE_NAME: 'service1', OTEL_TRACES_EXPORTER: 'otlp', [endpoint]: value, ...other });
      for (const value of [
        'localhost:4317',
        'jaeger',
        '[::1]:4317',
        'unix:///run/otel.sock',
        'http://localhost:4317',
      ]) {
        const config = parse(value, { [protocol]: 'grpc' });
        assert.equal(describeDestination(config).replace(/\/$/, ''), value);
        if (!value.startsWith('http'))
          assert.throws(() => parse(value, { [protocol]: 'http/json' }), ConfigError, value);
      }
      for (const value of ['dns:///localhost:4317', 'ftp://host', 'a b', 'user:s3cret@host:4317', 'host:99999'])
        assert.throws(() => parse(value, { [protocol]: 'grpc' }), ConfigError, value);
    }
  }
});

test('the log names the default port of the protocol', () => {
  const env = { SERVICE_NAME: 'service1', OTEL_TRACES_EXPORTER: 'otlp' };
  assert.equal(describeDestination(parseConfig(env)), 'http://localhost:4318/');
  assert.equal(
    describeDestination(parseConfig({ ...env, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })),
    'http://localhost:4317/',
  );
});

test('SERVICE_NAME must be set', () => {
  assert.throws(() => parseConfig({}), {
    message: `SERVICE_NAME is not set: it must be ${names}`,
  });
});

test('if the port is in use, the service writes one line with the host and port, and exits with 1', async () => {
  await using other = await serve(() => {});
  const { port } = new URL(other.url);
  await using started = service({ PORT: port });
  assert.equal(await started.exit, 1);
  assert.match(
    started.text.stderr,
    new RegExp(`^service1 can't listen on HOST=127.0.0.1 PORT=${port}: .*EADDRINUSE.*\\n$`),
  );
});

test('the demo’s own variables have the same defaults in otel.env and in the code', () => {
  const ownDefaults = (env: NodeJS.ProcessEnv) =>
    Object.entries(parseConfig(env)).filter(([name]) => !name.startsWith('OTEL_'));
  assert.deepEqual(ownDefaults(defaults), ownDefaults({ SERVICE_NAME: defaults.SERVICE_NAME }));
});

test('an empty OTEL_* variable counts as unset', () => {
  const empty = Object.fromEntries(
    Object.keys(invalid).flatMap((name) => (name.startsWith('OTEL_') ? [[name, ' ']] : [])),
  );
  assert.deepEqual(parseConfig({ ...empty, SERVICE_NAME: 'service1' }), parseConfig({ SERVICE_NAME: 'service1' }));
});

test('the config is frozen', () => {
  assert.ok(Object.isFrozen(parseConfig({ SERVICE_NAME: 'service1' })));
});

test('if PORT is not set, each service has its own port', () => {
  const ports = ['service1', 'service2', 'service3'].map((SERVICE_NAME) => parseConfig({ SERVICE_NAME }).PORT);
  assert.deepEqual(ports, [5001, 5002, 5003]);
});

test('OTEL_BSP_EXPORT_TIMEOUT must be longer than the timeout of the exporter: otherwise exports overlap', () => {
  const env = { ...defaults, OTEL_BSP_EXPORT_TIMEOUT: '30000' };
  assert.throws(() => parseConfig(env), {
    message:
      /^OTEL_BSP_EXPORT_TIMEOUT="30000" is not valid: it must be more than OTEL_EXPORTER_ZIPKIN_TIMEOUT, which is 30000$/,
  });
  assert.throws(() => parseConfig({ ...env, OTEL_TRACES_EXPORTER: 'otlp' }), {
    message: /more than the timeout of the OTLP exporter, which is 30000$/,
  });
  parseConfig({ ...env, OTEL_EXPORTER_ZIPKIN_TIMEOUT: '29999' });
  parseConfig({ ...env, OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '100' });
  parseConfig(defaults);
});

test('what Docker Compose ignores of the shell is said', () => {
  const oldCompose = { BACKEND: 'unknown', COMPOSE_PROFILES: 'zipkin' };
  const ignored = ['Compose before 2.35 ignores the variables of your shell: edit otel.env, or update'];
  assert.deepEqual(composeWarnings(oldCompose), ignored);
  for (const COMPOSE_PROFILES of ['', 'dev', 'dev,jaeger']) {
    const noBackend = [`COMPOSE_PROFILES="${COMPOSE_PROFILES}" starts no trace backend: it must include zipkin`];
    assert.deepEqual(composeWarnings({ BACKEND: 'zipkin', COMPOSE_PROFILES }), noBackend);
  }
  for (const COMPOSE_PROFILES of ['zipkin', 'dev, zipkin', '*'])
    assert.deepEqual(composeWarnings({ BACKEND: 'zipkin', COMPOSE_PROFILES }), []);
  for (const outsideOfDocker of [{}, { BACKEND: 'jaeger' }, { COMPOSE_PROFILES: 'dev' }])
    assert.deepEqual(composeWarnings(outsideOfDocker), []);
});

for (const file of ['compose.yaml', 'docker/scale.yaml']) {
  test(`every service is in ${file}`, () => {
    const names = [...readFileSync(file, 'utf8').matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name);
    for (const service of serviceNames) assert.ok(names.includes(service), service);
  });
}

test('the ports that are not valid are those that fetch refuses', async () => {
  const blocked = Array.from({ length: 65_536 }, (_, port) => port).filter(isBlockedPort);
  assert.ok(blocked.length > 80);
  for (const port of blocked) {
    const error = await fetch(`http://127.0.0.1:${port}`).catch(({ cause }) => cause);
    assert.equal(error.message, 'bad port', `${port}`);
  }
});
