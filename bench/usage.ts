// Preloaded into each service of the benchmark: tells it the port, and, when asked, what the process has used so far.
import { subscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Server } from 'node:net';

export type Usage = { cpuUs: number; memoryMB: number; peakMB: number };

subscribe('tracing:net.server.listen:asyncEnd', (event) => {
  process.send?.(((event as { server: Server }).server.address() as AddressInfo).port);
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const usage: Usage = {
    cpuUs: user + system,
    memoryMB: process.memoryUsage.rss() / 2 ** 20,
    peakMB: process.resourceUsage().maxRSS / 2 ** 10,
  };
  process.send?.(usage);
});
process.on('disconnect', () => process.exit()); // the benchmark has gone, however it ended
process.channel?.unref(); // it is no reason to stay
