// The project's own compose file, run in a copy of the project. It needs a Docker engine and the ports that the README
// names.
import { execFile, execFileSync, type StdioOptions } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPorts } from './ports.ts';
import { unless } from './skip.ts';

const project = 'tracing-demo-test';

/**
 * For a suite's `skip` option: the reason, if there is no Docker engine, or if a port is not available; with the
 * `options` and `settings` of `composeProject`, also if one of its images is not (they are large).
 */
export async function noDocker(options?: string[], settings: Record<string, string> = {}): Promise<string | false> {
  const docker = (...args: string[]) => {
    try {
      const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
      return execFileSync('docker', args, { env: { ...process.env, ...settings }, stdio, encoding: 'utf8' }).trim();
    } catch {
      return '';
    }
  };
  const images = new Set(options && docker('compose', ...options, 'config', '--images').split('\n'));
  images.delete('tracing-demo'); // it is built here
  const missing = [...images].filter((image) => !docker('image', 'inspect', image));
  const taken = await openPorts([4318, 5001, 9411, 16686]);
  return (
    unless(docker('info'), 'no Docker engine') ||
    unless(missing.length === 0, `no image ${missing.join(', ')}`) ||
    unless(taken.length === 0, `ports in use: ${taken.join(', ')}`)
  );
}

/**
 * A copy of the project, and `docker compose` in it. `options` go before each command, such as `-f` and another file.
 */
export function composeProject(options: string[] = [], settings: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tracing-demo-'));
  cpSync('.', folder, { recursive: true, filter: (path) => !/^(node_modules|\.git)$/.test(path) });
  const docker = async (args: string[], env: Record<string, string> = {}) => {
    const { stdout } = await promisify(execFile)('docker', args, {
      cwd: folder,
      env: { ...process.env, ...settings, ...env },
      maxBuffer: 2 ** 28,
    });
    return stdout.trim();
  };
  const compose = (args: string, env?: Record<string, string>) =>
    docker(['compose', '-p', project, ...options, ...args.split(' ')], env);
  return {
    folder,
    docker,
    compose,
    /** Runs a script with Node in a service's container. */
    exec: (service: string, script: string) =>
      docker(['compose', '-p', project, ...options, 'exec', '-T', service, 'node', '-e', script]),
    /** The containers of a service. */
    containers: async (service: string) => (await compose(`ps -q ${service}`)).split('\n'),
    /** The IP address of a container, which can be reached from the machine that runs Docker. */
    addressOf: (container: string) =>
      docker(['inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', container]),
    /** The ids of the project's containers (`ps -a`), volumes (`volume ls`) or networks (`network ls`). */
    left: (...kind: string[]) => docker([...kind, '-q', '--filter', `label=com.docker.compose.project=${project}`]),
    async remove() {
      await compose('--profile * down -v --rmi local');
      rmSync(folder, { recursive: true });
    },
  };
}
