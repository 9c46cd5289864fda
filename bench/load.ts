// Not autocannon: it takes more CPU time per request than the service, which would then wait for it.
import { once } from 'node:events';
import { connect } from 'node:net';

type Load = { requests: number; connections: number; headers?: Record<string, string>[] };

/** Sends that many GETs, with the sets of headers in turn, each connection as fast as it gets responses. Returns the seconds it took. */
export async function load(url: string, { requests, connections, headers = [{}] }: Load): Promise<number> {
  const { host, hostname, port } = new URL(url);
  const messages = headers.map((set) => {
    const lines = Object.entries({ host, ...set }).map(([name, value]) => `${name}: ${value}\r\n`);
    return `GET / HTTP/1.1\r\n${lines.join('')}\r\n`;
  });
  let sent = 0;
  const useConnection = async () => {
    const socket = connect(Number(port), hostname).setEncoding('latin1');
    await once(socket, 'connect');
    const send = () => (sent < requests ? socket.write(messages[sent++ % messages.length] ?? '') : socket.end());
    let response = '';
    socket.on('data', (chunk) => {
      response += chunk;
      if (!isComplete(response)) return;
      if (!response.startsWith('HTTP/1.1 200 ')) socket.destroy(new Error(`${url}: ${response.split('\r\n', 1)[0]}`));
      response = '';
      send();
    });
    send();
    await once(socket, 'close');
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: connections }, useConnection));
  return (performance.now() - start) / 1000;
}

function isComplete(response: string): boolean {
  const [head = '', body] = response.split('\r\n\r\n');
  return body?.length === Number(head.match(/content-length: (\d+)/i)?.[1]);
}
