// A backend that costs as little as one can: it answers at once, and counts later, when nothing is being measured.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Account = { made: number; received: number; lost: number };

/** Takes spans as Zipkin's JSON and as OTLP's protobuf, on a free port. */
export async function startReceiver() {
  const total = { spans: 0, bytes: 0 };
  let uncounted: { body: Buffer; isOtlp: boolean }[] = [];
  const count = () => {
    for (const { body, isOtlp } of uncounted) {
      total.spans += isOtlp ? countOtlpSpans(body) : JSON.parse(body.toString()).length;
      total.bytes += body.length;
    }
    uncounted = [];
  };
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      uncounted.push({ body: Buffer.concat(chunks), isOtlp: req.url === '/v1/traces' });
      res.writeHead(202).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/api/v2/spans`, OTEL_EXPORTER_OTLP_ENDPOINT: url },
    /** How many spans of so many have arrived, and how many have not. */
    account(made: number): Account {
      count();
      return { made, received: total.spans, lost: made - total.spans };
    },
    /** How many bytes they were, in the bodies of the POSTs. */
    bytes() {
      count();
      return total.bytes;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * The number of spans in an ExportTraceServiceRequest: its resource_spans (field 1), their scope_spans (2), their spans (2).
 * All fields on the way are length-delimited. (https://protobuf.dev/programming-guides/encoding/)
 */
function countOtlpSpans(message: Buffer, path: number[] = [1, 2, 2]): number {
  const [field, ...inner] = path;
  if (field === undefined) return 1;
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  };
  let count = 0;
  while (at < message.length) {
    const tag = varint();
    const length = varint();
    if (tag >> 3 === field) count += countOtlpSpans(message.subarray(at, at + length), inner);
    at += length;
  }
  return count;
}
