import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { isBlockedPort } from '../config/blocked-ports.ts';

/** The first free port from `port` on that fetch accepts. */
export async function findPort(port: number, host: string): Promise<number> {
  if (isBlockedPort(port)) return findPort(port + 1, host);
  const server = createServer();
  try {
    await once(server.listen(port, host), 'listening');
    return (server.address() as AddressInfo).port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return findPort(port + 1, host);
  } finally {
    server.close();
  }
}
