// One codebase, three services: SERVICE_NAME picks the service that this process runs.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RequestHandler } from 'express';
import { composeWarnings } from './config/compose-warnings.ts';
import { config } from './loaded-config.ts';
import { log } from './log.ts';
import { createApp } from './server/app.ts';
import { page } from './server/page/page.ts';
import { closeOnSignal, exitOnCrash } from './server/shutdown.ts';
import { service1 } from './services/service1.ts';
import { service2 } from './services/service2.ts';
import { service3 } from './services/service3.ts';
import type { ServiceName } from './services.ts';
import { callerDisconnected } from './telemetry/caller-disconnected.ts';

exitOnCrash(log);

// The handlers of `GET /`, built only for the service that runs.
const handlers = {
  service1: () => [page(config), service1(config, log)],
  service2: () => [service2(config, log)],
  service3: () => [service3(config)],
} satisfies Record<ServiceName, () => RequestHandler[]>;

const app = createApp(handlers[config.SERVICE_NAME](), log, callerDisconnected);
// A busy caller may reuse a connection just after the announced keep-alive timeout: keep it open 30 s longer.
const server = createServer({ keepAliveTimeoutBuffer: 30_000 }, app).listen(config.PORT, config.HOST);
server.maxRequestsPerSocket = 1000; // so that a caller can't fill the memory by pipelining; further ones get a 503
server.on('listening', () => {
  const { address, port, family } = server.address() as AddressInfo;
  log.info(`listens on http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
  if (config.SERVICE_NAME !== 'service1') return; // it starts last: these are the last lines of `docker compose up`
  for (const warning of composeWarnings(process.env)) log.warn(warning);
  if (address === '0.0.0.0') log.info(`open http://localhost:${port}`); // Docker publishes its port on this machine
});
server.on('error', (error) => {
  console.error(`${config.SERVICE_NAME} can't listen on HOST=${config.HOST} PORT=${config.PORT}: ${error.message}`);
  process.exit(1);
});
closeOnSignal(server);
