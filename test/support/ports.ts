import { connect } from 'node:net';

/** Returns those of `ports` that accept connections on `host`. */
export async function openPorts(ports: number[], host = '127.0.0.1'): Promise<number[]> {
  const isOpen = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, host, () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
  const states = await Promise.all(ports.map(isOpen));
  return ports.filter((_, index) => states[index]);
}
