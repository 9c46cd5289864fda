import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, isIPv6 } from 'node:net';
import { isBlockedPort } from '../src/config/blocked-ports.ts';

/**
 * The first free port from `port` on that fetch accepts; any free one for 0, or if there is none up to 65535. It is
 * claimed until this process ends: no other call, here or in another launcher, gets it before its server listens.
 */
export async function findPort(port: number, host: string): Promise<number> {
  if (port > 65_535) return findPort(0, host);
  if (isBlockedPort(port)) return findPort(port + 1, host);
  const server = createServer();
  try {
    await once(server.listen(port, host), 'listening');
    const { port: found } = server.address() as AddressInfo;
    // the claim is the UDP port of that number, which nothing else uses
    const claim = createSocket(isIPv6(host) ? 'udp6' : 'udp4').unref();
    await once(claim.bind(found, host), 'listening');
    return found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return findPort(port && port + 1, host);
  } finally {
    server.close();
  }
}
