// One code base, three services: SERVICE_NAME picks the one that this process is.
import { createApp } from './app.ts';
import { loadConfig } from './config.ts';
import { service1 } from './services/service1.ts';
import { service2 } from './services/service2.ts';
import { service3 } from './services/service3.ts';
import { closeOnSignal } from './shutdown.ts';

const config = loadConfig();
const handler = { service1, service2, service3 }[config.serviceName](config);

const server = createApp(handler).listen(config.port, config.host);
server.on('listening', () => {
  const { address, port, family } = server.address() as import('node:net').AddressInfo;
  console.log(`${config.serviceName} listens on http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
});
server.on('error', (error) => {
  console.error(`${config.serviceName} can't listen on HOST=${config.host} PORT=${config.port}: ${error.message}`);
  process.exit(1);
});
closeOnSignal(server);
