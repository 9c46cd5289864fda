// What `npm start` decides: the plan for a machine that is made up, and what is asked of the real one.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { parseEnv } from 'node:util';
import { type Machine, thisMachine } from '../local/machine.ts';
import { makePlan, noProxy, type Plan } from '../local/plan.ts';
import { ConfigError } from '../src/config/config.ts';
import { startViewer } from './support/backends.ts';
import { startRecorder } from './support/recorder.ts';
import { closedUrl, serve } from './support/servers.ts';
import { until } from './support/wait.ts';

/** The shell's variables, the ports that other programs listen on, a Zipkin's URL and the port of a backend for OTLP. */
type Given = { shell?: NodeJS.ProcessEnv; taken?: number[]; zipkin?: string; otlpBackend?: number };

function planFor({ shell = {}, taken = [], zipkin, otlpBackend }: Given): Promise<Plan> {
  const unavailable = new Set(taken);
  const machine: Machine = {
    async findPort(wanted, host) {
      if (host === '192.0.2.1') throw new Error('listen EADDRNOTAVAIL');
      let port = wanted === 0 || wanted > 65_535 ? 40_000 : wanted;
      while (unavailable.has(port)) port++;
      unavailable.add(port);
      return port;
    },
    hasZipkin: async (url) => url === zipkin,
    hasOtlpBackend: async (port) => otlpBackend === port,
  };
  return makePlan(shell, parseEnv(readFileSync('otel.env', 'utf8')), machine);
}

/** What a plan says, what it starts, and where calls, spans and links go. */
const summaryOf = ({ notes, host, services, viewerPorts, env, browserUrl }: Plan) => ({
  notes,
  services: services.map(({ name, url }) => `${name} ${url}`),
  viewer: viewerPorts ? [host, ...Object.values(viewerPorts)].join(' ') : undefined,
  calls: [env.SERVICE2_URL, env.SERVICE3_URL],
  spans: env.OTEL_EXPORTER_ZIPKIN_ENDPOINT,
  otlp: [env.OTEL_EXPORTER_OTLP_ENDPOINT, env.OTEL_EXPORTER_OTLP_PROTOCOL],
  links: env.TRACE_UI_URL,
  page: browserUrl,
});
type Summary = ReturnType<typeof summaryOf>;

/** The plan if nothing is set and all ports are free: the same for any address to listen on. */
const usualPlan = (host = '127.0.0.1', address = host, browserAddress = 'localhost'): Summary => ({
  notes: [],
  services: [5001, 5002, 5003].map((port, index) => `service${index + 1} http://${address}:${port}`),
  viewer: `${host} 9411 4318 4317`,
  calls: [`http://${address}:5002`, `http://${address}:5003`],
  spans: `http://${address}:9411/api/v2/spans`,
  otlp: [`http://${address}:4318`, undefined],
  links: `http://${browserAddress}:9411/zipkin/traces/{traceId}`,
  page: `http://${browserAddress}:5001`,
});

for (const [HOST, address, browserAddress] of [
  [undefined, '127.0.0.1', 'localhost'],
  ['localhost', 'localhost', 'localhost'],
  ['127.0.0.10', '127.0.0.10', '127.0.0.10'],
  ['0.0.0.0', '127.0.0.1', 'localhost'],
  ['::', '[::1]', 'localhost'],
  ['::1', '[::1]', 'localhost'],
  ['::ffff:127.0.0.1', '[::ffff:127.0.0.1]', '[::ffff:127.0.0.1]'],
]) {
  test(`HOST=${HOST ?? ''}: three services and the viewer listen there; calls, spans and links go there`, async () => {
    const plan = await planFor({ shell: HOST === undefined ? {} : { HOST } });
    assert.deepEqual(summaryOf(plan), usualPlan(HOST, address, browserAddress));
  });
}

const notStarted = 'the built-in trace viewer is not started';
const noViewer = { viewer: undefined, spans: undefined, otlp: [undefined, undefined] };
const toJaeger = (destination: string): Partial<Summary> => ({
  ...noViewer,
  notes: [`OTEL_TRACES_EXPORTER=otlp: spans go to ${destination}, trace links to Jaeger; ${notStarted}`],
  links: 'http://localhost:16686/trace/{traceId}',
});
const otlp = { OTEL_TRACES_EXPORTER: 'otlp' };
const sharedName = [
  'OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES names the service: all three have that name in the traces',
];

/** What is given, and how the plan differs from the usual one. */
const plans: [string, Given, Partial<Summary>][] = [
  [
    'ports that are taken: the next free ones are used, and everything follows',
    { taken: [5002, 5003, 9411] },
    {
      notes: [
        'port 5002 is not available: service2 listens on 5004',
        'port 5003 is not available: service3 listens on 5005',
        'port 9411 is not available: the trace viewer listens on 9412',
      ],
      services: ['service1 http://127.0.0.1:5001', 'service2 http://127.0.0.1:5004', 'service3 http://127.0.0.1:5005'],
      viewer: '127.0.0.1 9412 4318 4317',
      calls: ['http://127.0.0.1:5004', 'http://127.0.0.1:5005'],
      spans: 'http://127.0.0.1:9412/api/v2/spans',
      links: 'http://localhost:9412/zipkin/traces/{traceId}',
    },
  ],
  [
    'PORT: the others have the next ones, and the viewer none that a service has',
    { shell: { PORT: '9410' } },
    {
      notes: ['port 9411 is not available: the trace viewer listens on 9413'],
      services: ['service1 http://127.0.0.1:9410', 'service2 http://127.0.0.1:9411', 'service3 http://127.0.0.1:9412'],
      viewer: '127.0.0.1 9413 4318 4317',
      calls: ['http://127.0.0.1:9411', 'http://127.0.0.1:9412'],
      spans: 'http://127.0.0.1:9413/api/v2/spans',
      links: 'http://localhost:9413/zipkin/traces/{traceId}',
      page: 'http://localhost:9410',
    },
  ],
  [
    'PORT=0: any free ones, which need no explanation',
    { shell: { PORT: '0' } },
    {
      services: [40_000, 40_001, 40_002].map((port, index) => `service${index + 1} http://127.0.0.1:${port}`),
      calls: ['http://127.0.0.1:40001', 'http://127.0.0.1:40002'],
      page: 'http://localhost:40000',
    },
  ],
  [
    'SERVICE2_URL: that service is called, and none is started for it',
    { shell: { SERVICE2_URL: 'http://shop.test/path' } },
    {
      notes: ['SERVICE2_URL is set: http://shop.test is called, and no service is started for it'],
      services: ['service1 http://127.0.0.1:5001', 'service3 http://127.0.0.1:5003'],
      calls: ['http://shop.test/path', 'http://127.0.0.1:5003'],
    },
  ],
  [
    'TRACE_UI_URL: links lead there',
    { shell: { TRACE_UI_URL: 'http://ui.test/{traceId}' } },
    { links: 'http://ui.test/{traceId}' },
  ],
  ['OTEL_SERVICE_NAME', { shell: { OTEL_SERVICE_NAME: 'shop' } }, { notes: sharedName }],
  [
    'OTEL_RESOURCE_ATTRIBUTES with service.name',
    { shell: { OTEL_RESOURCE_ATTRIBUTES: 'team=a, service.name=shop' } },
    { notes: sharedName },
  ],
  [
    'OTEL_RESOURCE_ATTRIBUTES without service.name',
    { shell: { OTEL_RESOURCE_ATTRIBUTES: 'my.service.name=shop', OTEL_SERVICE_NAME: ' ' } },
    {},
  ],
  [
    'a Zipkin on port 9411: it is used',
    { taken: [9411], zipkin: 'http://localhost:9411/api/v2/spans' },
    { ...noViewer, notes: [`a Zipkin responds at http://localhost:9411/api/v2/spans: it is used; ${notStarted}`] },
  ],
  [
    'OTEL_EXPORTER_ZIPKIN_ENDPOINT: spans and links go there',
    { shell: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: 'http://ann:s3cret@zipkin.test:81/spans' } },
    {
      notes: [`OTEL_EXPORTER_ZIPKIN_ENDPOINT is set: spans go to http://zipkin.test:81/spans; ${notStarted}`],
      ...noViewer,
      spans: 'http://ann:s3cret@zipkin.test:81/spans',
      links: 'http://zipkin.test:81/zipkin/traces/{traceId}',
    },
  ],
  [
    'OTEL_TRACES_EXPORTER=none',
    { shell: { OTEL_TRACES_EXPORTER: 'none' } },
    { ...noViewer, notes: [`OTEL_TRACES_EXPORTER=none: no spans are sent; ${notStarted}`], links: undefined },
  ],
  [
    'OTEL_TRACES_EXPORTER=console',
    { shell: { OTEL_TRACES_EXPORTER: 'console' } },
    { ...noViewer, notes: [`OTEL_TRACES_EXPORTER=console: spans go to console; ${notStarted}`], links: undefined },
  ],
  [
    'OTEL_SDK_DISABLED=true',
    { shell: { OTEL_SDK_DISABLED: 'true' } },
    { ...noViewer, notes: [`OTEL_SDK_DISABLED=true: there are no spans; ${notStarted}`], links: undefined },
  ],
  ['OTLP without a backend: the viewer gets it', { shell: otlp }, {}],
  [
    'OTLP over gRPC without a backend: the viewer gets it',
    { shell: { ...otlp, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' } },
    { otlp: ['http://127.0.0.1:4317', undefined] },
  ],
  [
    'ports of OTLP that are taken by a viewer: the next free ones are used, and everything follows',
    { shell: { ...otlp, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, taken: [4317, 4318] },
    {
      notes: [
        'port 4318 is not available: the trace viewer takes OTLP by HTTP on 4319',
        'port 4317 is not available: the trace viewer takes OTLP by gRPC on 4320',
      ],
      viewer: '127.0.0.1 9411 4319 4320',
      otlp: ['http://127.0.0.1:4320', 'grpc'],
    },
  ],
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT and the Zipkin exporter: metrics and logs may go there',
    { shell: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otlp.test/' } },
    { otlp: ['http://otlp.test/', undefined] },
  ],
  [
    'OTLP and a backend on port 4318: it is used',
    { shell: otlp, otlpBackend: 4318 },
    toJaeger('http://localhost:4318/'),
  ],
  [
    'OTLP over gRPC and a backend on port 4317: it is used',
    { shell: { ...otlp, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, otlpBackend: 4317 },
    { ...toJaeger('http://localhost:4317/'), otlp: [undefined, 'grpc'] },
  ],
  [
    'a backend for OTLP and TRACE_UI_URL: links lead there',
    { shell: { ...otlp, TRACE_UI_URL: 'http://ui.test/{traceId}' }, otlpBackend: 4318 },
    {
      ...noViewer,
      notes: [`OTEL_TRACES_EXPORTER=otlp: spans go to http://localhost:4318/; ${notStarted}`],
      links: 'http://ui.test/{traceId}',
    },
  ],
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT: spans go there',
    { shell: { ...otlp, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otlp.test:81/x' } },
    { ...toJaeger('http://otlp.test:81/x'), otlp: ['http://otlp.test:81/x', undefined] },
  ],
  [
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: spans go there',
    { shell: { ...otlp, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://otlp.test/' } },
    toJaeger('http://otlp.test/'),
  ],
];
for (const [what, given, differences] of plans) {
  test(what, async () => {
    assert.deepEqual(summaryOf(await planFor(given)), { ...usualPlan(), ...differences });
  });
}

test('the services have the variables of otel.env and of the shell, which wins; their compiled code is cached', async () => {
  const { env } = await planFor({ shell: { SERVICE3_SLEEP_MS: '7' } });
  assert.deepEqual([env.INTENTIONAL_FAILURE_PCT, env.SERVICE3_SLEEP_MS], ['50', '7']);
  assert.equal(env.NODE_COMPILE_CACHE, 'node_modules/.cache/node');
  const elsewhere = await planFor({ shell: { NODE_COMPILE_CACHE: '/elsewhere' } });
  assert.equal(elsewhere.env.NODE_COMPILE_CACHE, '/elsewhere');
});

const wayOut = 'stop the program that uses it, or move service1 to another port';
for (const [given, message] of [
  [{ taken: [5001] }, `port 5001 is taken: ${wayOut}: PORT=5011 npm start`],
  [{ shell: { PORT: '65535' }, taken: [65_535] }, `port 65535 is taken: ${wayOut}: PORT=40000 npm start`],
  [{ shell: { HOST: '192.0.2.1' } }, "can't listen on HOST=192.0.2.1: listen EADDRNOTAVAIL"],
  [{ shell: { SERVICE3_SLEEP_MS: 'long' } }, /^SERVICE3_SLEEP_MS="long" is not valid: .+$/],
  [
    { shell: { SERVICE_NAME: 'service2' } },
    'SERVICE_NAME="service2" is not valid here: npm run service starts one service',
  ],
] satisfies [Given, string | RegExp][]) {
  test(`one line says why there is no plan: ${JSON.stringify(given)}`, async () => {
    const error = await planFor(given).catch((error) => error);
    assert.ok(error instanceof ConfigError);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
  });
}

for (const [env, value] of [
  [{}, 'localhost,127.0.0.1,[::1],127.0.0.1'],
  [{ NO_PROXY: 'shop.test' }, 'shop.test,localhost,127.0.0.1,[::1],127.0.0.1'],
  [{ no_proxy: 'a.test', NO_PROXY: 'b.test', HOST: '127.0.0.2' }, 'a.test,localhost,127.0.0.1,[::1],127.0.0.2'],
  [{ no_proxy: '', NO_PROXY: 'b.test', HOST: '::' }, 'b.test,localhost,127.0.0.1,[::1],[::1]'],
  [{ NO_PROXY: '*' }, '*'],
] satisfies [NodeJS.ProcessEnv, string][]) {
  test(`no_proxy with ${JSON.stringify(env)}: this machine is called directly, too`, () => {
    assert.equal(noProxy(env), value);
  });
}

suite('of this machine', () => {
  const { findPort, hasZipkin, hasOtlpBackend } = thisMachine;

  for (const [host, type] of [
    ['127.0.0.1', 'udp4'],
    ['::ffff:127.0.0.1', 'udp6'],
  ] as const) {
    test(`a port on ${host} that a start has chosen, but does not listen on yet, is not available to others`, async () => {
      const port = await findPort(0, host);
      await assert.rejects(once(createSocket(type).bind(port, host), 'listening'), { code: 'EADDRINUSE' }); // the claim
      assert.notEqual(await findPort(port, host), port);
    });
  }

  test('a port that another program listens on is not available', async () => {
    await using other = await serve(() => {});
    const { port } = new URL(other.url);
    assert.ok((await findPort(Number(port), '127.0.0.1')) > Number(port));
  });

  test('after 65535, any free port is found', async () => {
    const ports = [await findPort(65_535, '127.0.0.1'), await findPort(65_535, '127.0.0.1')];
    assert.ok(Number(ports[1]) > 1023 && Number(ports[1]) < 65_535, `${ports}`);
  });

  test('a port that fetch refuses is not used', async () => {
    assert.ok((await findPort(5060, '127.0.0.1')) > 5061); // both are SIP's
  });

  test('an address of another machine is an error', async () => {
    await assert.rejects(findPort(0, '192.0.2.1'), { code: 'EADDRNOTAVAIL' });
  });

  test('a Zipkin is recognized: the viewer and other programs are none', async () => {
    await using zipkin = await startRecorder();
    await using viewer = await startViewer();
    await using other = await serve((_req, res) => res.end('hello'));
    const urls = [zipkin.url, viewer.url, other.url, closedUrl()];
    const results = await Promise.all(urls.map((url) => hasZipkin(`${url}/api/v2/spans`)));
    assert.deepEqual(results, [true, false, false, false]);
  });

  test('a response without an end is no Zipkin, and is not read for ever', async () => {
    let megabytes = 0;
    let isClosed = false;
    await using endless = await serve((_req, res) => {
      const more = () => {
        do megabytes++;
        while (!isClosed && res.write(' '.repeat(1e6)));
      };
      res.on('drain', more).on('close', () => {
        isClosed = true;
      });
      more();
    });
    assert.equal(await hasZipkin(endless.url), false);
    await until('the connection to be closed', () => isClosed);
    assert.ok(megabytes < 20, `${megabytes} MB`);
  });

  test('a program that listens on a port of OTLP is a backend, unless it is a viewer', async () => {
    await using server = await serve((_req, res) => res.end());
    await using viewer = await startViewer();
    const ports = [server.url, viewer.url, closedUrl()].map((url) => Number(new URL(url).port));
    assert.deepEqual(await Promise.all(ports.map(hasOtlpBackend)), [true, false, false]);
  });
});
