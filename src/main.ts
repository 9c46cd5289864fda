// One codebase, three services: SERVICE_NAME picks the service that this process runs.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadConfig } from './config.ts';
import { createApp } from './server/app.ts';
import { createLogger } from './server/logger.ts';
import { page } from './server/page/page.ts';
import { closeOnSignal, exitOnCrash } from './server/shutdown.ts';
import { service1 } from './services/service1.ts';
import { service2 } from './services/service2.ts';
import { service3 } from './services/service3.ts';

const config = loadConfig();
const log = createLogger(config);
exitOnCrash(log);
const handlers = {
  service1: [page(config), service1(config, log)],
  service2: [service2(config, log)],
  service3: [service3(config)],
}[config.SERVICE_NAME];

const server = createServer(createApp(handlers, log)).listen(config.PORT, config.HOST);
server.on('listening', () => {
  const { address, port, family } = server.address() as AddressInfo;
  log.info(`listens on http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
});
server.on('error', (error) => {
  console.error(`${config.SERVICE_NAME} can't listen on HOST=${config.HOST} PORT=${config.PORT}: ${error.message}`);
  process.exit(1);
});
closeOnSignal(server);
