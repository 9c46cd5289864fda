// Not autocannon: it takes more CPU time per request than the service, which would then wait for it.
import { once } from 'node:events';
import { connect } from 'node:net';

/** Sends GET requests like service1, on each connection as soon as the response to the last one has arrived. */
export async function sendRequests(url: string, requests: number, connections: number, sampled: boolean) {
  const { host, hostname, port } = new URL(url);
  const parent = 'x-b3-traceid: 463ac35c9f6413ad48485a3953bb6124\r\nx-b3-spanid: a2fb4a1d1a96d312';
  const message = `GET / HTTP/1.1\r\nhost: ${host}\r\n${parent}\r\nx-b3-sampled: ${sampled ? 1 : 0}\r\n\r\n`;
  let sent = 0;
  const useConnection = () => {
    const socket = connect(Number(port), hostname).setEncoding('latin1');
    const send = () => (sent++ < requests ? socket.write(message) : socket.end());
    let response = '';
    socket.on('data', (chunk) => {
      response += chunk;
      if (!isComplete(response)) return;
      if (!response.startsWith('HTTP/1.1 200 ')) socket.destroy(new Error(`${url}: ${response.split('\r\n', 1)[0]}`));
      const isLast = /^connection: close/im.test(response); // of 1000 on a connection
      response = '';
      if (isLast) socket.end();
      else send();
    });
    send();
    return once(socket, 'close');
  };
  const useConnections = async () => {
    while (sent < requests) await useConnection();
  };
  await Promise.all(Array.from({ length: connections }, useConnections));
}

function isComplete(response: string): boolean {
  const [head = '', body] = response.split('\r\n\r\n');
  return body?.length === Number(head.match(/content-length: (\d+)/i)?.[1]);
}
