import { once } from 'node:events';
import { connect } from 'node:net';

/** Sends bytes to a server and returns all that it responds until it closes the connection. */
export async function send(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let response = '';
  socket.on('data', (chunk) => {
    response += chunk;
  });
  socket.on('error', () => {}); // a reset after the response is all right
  socket.write(bytes);
  await once(socket, 'close');
  return response;
}
