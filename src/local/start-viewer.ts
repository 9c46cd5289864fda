// `npm run viewer`: the trace viewer alone, for `npm run service` and for services of your own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createViewer } from './viewer.ts';

const { PORT = '9411' } = process.env;
try {
  const server = createServer(createViewer());
  await once(server.listen({ port: PORT, host: '127.0.0.1' }), 'listening');
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  console.log(`see the traces:  ${url}/zipkin/\nsend spans to:   ${url}/api/v2/spans`);
} catch (error) {
  console.error(`the viewer can't listen on PORT=${PORT}: ${(error as Error).message}`);
  process.exitCode = 1;
}
