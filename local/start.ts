// `npm start`: the three services and the trace viewer on this machine, without Docker. (In package.json, `exec` lets a
// signal that npm passes on reach this process: without it, the signal would end only the shell in between. Windows has
// no `exec`, and runs the command after `||`.)
import { ConfigError } from '../src/config/config.ts';
import { traceListUrl } from '../src/server/page/trace-list-url.ts';
import { die } from './die.ts';
import { createFormatter, say } from './format-log.ts';
import { thisMachine } from './machine.ts';
import { makePlan, noProxy } from './plan.ts';
import { graceMs, startProcess, stopProcess, waitFor } from './process.ts';
import { readDefaults } from './read-defaults.ts';
import { listen } from './viewer/listen.ts';

const defaults = readDefaults('npm start');
process.env.no_proxy = noProxy({ ...defaults, ...process.env });
const plan = await makePlan(process.env, defaults, thisMachine).catch((error): never => {
  if (error instanceof ConfigError) die(error.message);
  throw error;
});
const { host, env, browserUrl, viewerPorts } = plan;
const note = (line: string) => say('start', line);
for (const line of plan.notes) note(line);

if (viewerPorts) listen(viewerPorts, host, (reason) => die(`the trace viewer can't start: ${reason}`), browserUrl);
const format = createFormatter(env.TRACE_UI_URL);
let isStopping = false;
const processes = plan.services.map(({ name, port }) => start(name, port));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(0));

await Promise.all(plan.services.map(({ url }) => waitFor(url)));
if (!isStopping) {
  note(`send a request:  open ${browserUrl}, or curl ${browserUrl.replace('http://', '')}`);
  if (env.TRACE_UI_URL) note(`see the traces:  ${traceListUrl(env.TRACE_UI_URL)}`);
  note('stop with Ctrl-C');
}

function start(name: string, port: number) {
  const child = startProcess({ ...env, SERVICE_NAME: name, PORT: `${port}` }, (line) => say(name, format(line)));
  child.on('exit', (code, signal) => {
    if (isStopping && signal === 'SIGKILL') note(`${name} did not stop within ${graceMs / 1000} s, and was killed`);
    if (isStopping) return;
    note(`${name} has stopped (${signal ?? `exit code ${code}`}): stopping the others`);
    stop(1);
  });
  return child;
}

/**
 * Stops the services, callers first, then the viewer, which receives their last spans. A second Ctrl-C changes nothing.
 */
async function stop(exitCode: number): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  for (const child of processes) await stopProcess(child);
  process.exit(exitCode);
}
