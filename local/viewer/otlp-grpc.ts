// OTLP by gRPC: a service per signal, of which only traces are kept. A message has 4 MB at most, gRPC's default.
import { Server, type ServiceDefinition, type sendUnaryData, status, type UntypedHandleCall } from '@grpc/grpc-js';
import { decodeOtlp } from './decode.ts';
import { fromOtlp } from './from-otlp.ts';
import type { ZipkinSpan } from './span.ts';

/** A gRPC server that gives `add` each span that it gets. */
export function createGrpcServer(add: (span: ZipkinSpan) => void): Server {
  const server = new Server();
  const addTraces = (request: Buffer) => fromOtlp(decodeOtlp(request)).forEach(add);
  server.addService(serviceOf('trace.v1.TraceService'), { export: handle(addTraces) });
  for (const name of ['metrics.v1.MetricsService', 'logs.v1.LogsService'])
    server.addService(serviceOf(name), { export: handle(() => {}) });
  return server;
}

const asIs = (bytes: Buffer) => bytes;
const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
const serviceOf = (name: string): ServiceDefinition => {
  const path = `/opentelemetry.proto.collector.${name}/Export`;
  return { export: { path, requestStream: false, responseStream: false, ...codec } };
};

function handle(receive: (request: Buffer) => void): UntypedHandleCall {
  return ({ request }: { request: Buffer }, respond: sendUnaryData<Buffer>) => {
    try {
      receive(request);
      respond(null, Buffer.alloc(0));
    } catch (error) {
      respond({ code: status.INVALID_ARGUMENT, details: (error as Error).message });
    }
  };
}
