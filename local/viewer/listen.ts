import { isIPv6 } from 'node:net';
import { ServerCredentials } from '@grpc/grpc-js';
import { createGrpcServer } from './otlp-grpc.ts';
import { createSpanStore } from './span-store.ts';
import { createViewer } from './viewer.ts';

type FindPort = (wanted: number, host: string) => Promise<number>;
export type ViewerPorts = Awaited<ReturnType<typeof findViewerPorts>>['ports'];

/** The ports of a viewer, and a line for each that is not the usual one. */
export async function findViewerPorts(findPort: FindPort, host: string) {
  const notes: string[] = [];
  const find = async (wanted: number, use: string) => {
    const port = await findPort(wanted, host);
    if (port !== wanted) notes.push(`port ${wanted} is not available: the trace viewer ${use} ${port}`);
    return port;
  };
  const ports = {
    main: await find(9411, 'listens on'),
    otlp: await find(4318, 'takes OTLP by HTTP on'),
    grpc: await find(4317, 'takes OTLP by gRPC on'),
  };
  return { ports, notes };
}

/** Starts a viewer. `fail` gets the reason if it can't listen. */
export function listen(ports: ViewerPorts, host: string, fail: (reason: string) => void, service1Url?: string): void {
  const store = createSpanStore();
  const viewer = createViewer({ store, ...(service1Url && { service1Url }) });
  for (const port of [ports.main, ports.otlp]) viewer.listen(port, host).on('error', ({ message }) => fail(message));
  const address = `${isIPv6(host) ? `[${host}]` : host}:${ports.grpc}`;
  createGrpcServer(store.add).bindAsync(address, ServerCredentials.createInsecure(), (error) => {
    if (error) fail(error.message);
  });
}
