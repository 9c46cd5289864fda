import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import protobuf from 'protobufjs';
import { serve } from '../test/support/servers.ts';

/** Of OTLP's protobuf, what it takes to count spans. */
const otlp = protobuf
  .parse(`syntax = "proto3";
  message Request { repeated Resource resource_spans = 1; }
  message Resource { repeated Scope scope_spans = 2; }
  message Scope { repeated bytes spans = 2; }`)
  .root.lookupType('Request');
type Otlp = { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] };

function countSpans(body: Buffer): number {
  if (body[0] === '['.charCodeAt(0)) return JSON.parse(`${body}`).length;
  const { resourceSpans } = otlp.decode(body) as unknown as Otlp;
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).length;
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;

/** A backend that costs as little as possible: it responds at once, and counts the spans after the load. */
export async function startReceiver() {
  const bodies: Buffer[] = [];
  const server = await serve(async (req, res) => {
    bodies.push(await buffer(req));
    res.writeHead(200).end();
  });
  return {
    url: server.url,
    /** Waits until that many spans have arrived, for 30 s at most. Returns their size in bytes. */
    async receive(expected: number): Promise<number> {
      const deadline = performance.now() + 30_000;
      let [spans, bytes] = [0, 0];
      while (spans < expected && performance.now() < deadline) {
        await sleep(20);
        for (const body of bodies.splice(0)) {
          spans += countSpans(body);
          bytes += body.length;
        }
      }
      // A mode that loses spans would seem cheap.
      if (spans !== expected) throw new Error(`${spans} of ${expected} spans arrived`);
      return bytes;
    },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}
