import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** The first free port from `port` on. */
export async function findPort(port: number, host: string): Promise<number> {
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
