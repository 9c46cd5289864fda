import { setTimeout as sleep } from 'node:timers/promises';
import protobuf from 'protobufjs';
import { serve } from '../test/support/servers.ts';

export type Account = { made: number; received: number; lost: number };

// The part of ExportTraceServiceRequest that is needed to count spans.
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/collector/trace/v1/trace_service.proto
const otlpRequest = protobuf
  .parse(`
    syntax = "proto3";
    message Request { repeated ResourceSpans resource_spans = 1; }
    message ResourceSpans { repeated ScopeSpans scope_spans = 2; }
    message ScopeSpans { repeated bytes spans = 2; }
  `)
  .root.lookupType('Request');

/** A backend that costs as little as possible: it responds at once, and counts when nothing is being measured. */
export async function startReceiver() {
  const total = { spans: 0, bytes: 0 };
  let uncounted: { body: Buffer; isOtlp: boolean }[] = [];
  const count = () => {
    for (const { body, isOtlp } of uncounted) {
      total.spans += isOtlp ? countOtlpSpans(body) : JSON.parse(body.toString()).length;
      total.bytes += body.length;
    }
    uncounted = [];
    return total;
  };
  const server = await serve((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      uncounted.push({ body: Buffer.concat(chunks), isOtlp: req.url === '/v1/traces' });
      res.writeHead(202).end();
    });
  });
  return {
    env: {
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${server.url}/api/v2/spans`,
      OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
    },
    /** Waits until `made` spans have arrived, 5 s at most. */
    async account(made: number): Promise<Account> {
      const deadline = performance.now() + 5000;
      while (count().spans < made && performance.now() < deadline) await sleep(50);
      return { made, received: total.spans, lost: made - total.spans };
    },
    bytesPerSpan: () => total.bytes / total.spans,
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

function countOtlpSpans(body: Buffer): number {
  const { resourceSpans } = otlpRequest.decode(body) as unknown as {
    resourceSpans: { scopeSpans: { spans: Uint8Array[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).length;
}
