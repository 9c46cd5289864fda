// Preloaded into each service of the benchmark: tells it the port and, when asked, how much CPU time the process has used.
import { subscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Server } from 'node:net';

subscribe('tracing:net.server.listen:asyncEnd', (event) => {
  process.send?.(((event as { server: Server }).server.address() as AddressInfo).port);
});
process.on('message', () => process.send?.(process.cpuUsage()));
process.on('disconnect', () => process.exit()); // the benchmark has ended, however it did
process.channel?.unref(); // the channel does not keep the process alive
