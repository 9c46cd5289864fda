import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

/** Makes `server` listen on `port` or, if it is taken, on the next free one. Returns that port. */
export async function listenFrom(port: number, host: string, server: Server): Promise<number> {
  try {
    await once(server.listen(port, host), 'listening');
    return (server.address() as AddressInfo).port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return listenFrom(port + 1, host, server);
  }
}

/** Finds a free port for each name: the wanted one or, if it is taken, the next free one. No two are the same. */
export async function findPorts(wanted: Record<string, number>, host: string): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  const held: Server[] = []; // until all are found
  for (const [name, port] of Object.entries(wanted)) {
    const server = createServer();
    ports[name] = await listenFrom(port, host, server);
    held.push(server);
  }
  for (const server of held) server.close();
  return ports;
}
