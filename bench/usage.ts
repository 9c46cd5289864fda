// Preloaded into each service: reports the port and, when asked, the CPU time that the process has used.
import { subscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Server } from 'node:net';

subscribe('tracing:net.server.listen:asyncEnd', (event) => {
  process.send?.(((event as { server: Server }).server.address() as AddressInfo).port);
});
process.on('message', () => process.send?.(process.cpuUsage()));
process.on('disconnect', () => process.exit()); // with the benchmark, even if that has crashed
process.channel?.unref(); // the channel does not keep the process alive
