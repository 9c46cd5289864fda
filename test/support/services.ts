import { type ServiceName, serviceNames } from '../../src/services.ts';
import { startViewer } from './backends.ts';
import { disposeAfterTests } from './dispose-after-tests.ts';
import { run, urlOf } from './process.ts';

/** A test waits for its spans: they leave ten times as soon. */
export const spansLeaveSoon = { OTEL_BSP_SCHEDULE_DELAY: '50' };
const onAnyMachine = {
  ...spansLeaveSoon,
  PORT: '0',
  DOWNSTREAM_TIMEOUT_MS: '120000', // a busy machine must not time out
};

/** Runs a service as `npm run service` does, on a free port, with `env` on top of otel.env. `telemetry` is preloaded. */
export async function startService(
  SERVICE_NAME: ServiceName,
  env: Record<string, string> = {},
  { telemetry = './src/telemetry.ts' }: { telemetry?: string | false } = {},
) {
  const args = ['--env-file=otel.env', ...(telemetry ? ['--import', telemetry] : []), 'src/main.ts'];
  const service = run(process.execPath, args, { ...onAnyMachine, SERVICE_NAME, ...env });
  return { url: await urlOf(SERVICE_NAME, service), ...service };
}

/**
 * The three services; spans go to `backend`. There are no failures and hardly any sleep, unless `env` sets them. `own`
 * has the variables of single services.
 */
export async function startDemo(
  backend: { env: Record<string, string> },
  env: Record<string, string> = {},
  own: Partial<Record<ServiceName, Record<string, string>>> = {},
) {
  const shared = { INTENTIONAL_FAILURE_PCT: '0', SERVICE3_SLEEP_MS: '1', ...backend.env, ...env };
  const demo = {} as Record<ServiceName, Awaited<ReturnType<typeof startService>>>;
  const urls: Record<string, string> = {};
  await using starting = new AsyncDisposableStack(); // if one can't start, the others stop
  for (const name of serviceNames.toReversed()) {
    // after the services that it calls
    demo[name] = starting.use(await startService(name, { ...urls, ...shared, ...own[name] }));
    urls[`${name.toUpperCase()}_URL`] = demo[name].url;
  }
  const all = starting.move();
  return {
    url: demo.service1.url,
    ...demo,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A demo for all tests of a file, and the viewer that receives its spans. Both are stopped after the last test. */
export async function startSharedDemo(envFor: (viewer: { url: string }) => Record<string, string> = () => ({})) {
  const viewer = disposeAfterTests(await startViewer());
  const demo = disposeAfterTests(await startDemo(viewer, envFor(viewer)));
  return { viewer, demo };
}
