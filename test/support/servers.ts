import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';

/** An HTTP server, on a free port unless `port` is given. */
export async function serve(listener: RequestListener, port = 0, host = '127.0.0.1') {
  // No idle timeout: a busy machine may use a connection late, just when it would be closed.
  const server = createServer({ keepAliveTimeout: 0 }, listener).listen(port, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A URL that refuses connections: no program gets a port below 1024 when it asks for a free one. */
export const closedUrl = () => 'http://127.0.0.1:2';

/** A URL on which nothing listens yet. */
export async function freeUrl() {
  await using server = await serve(() => {});
  return server.url;
}

/** A TCP server on a free port. `onConnection` gets each connection. */
export async function serveTcp(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
