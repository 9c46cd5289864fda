import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../test/support/servers.ts';

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;

/** A Zipkin that costs as little as possible: it responds at once, and counts the spans after the load. */
export async function startReceiver() {
  const bodies: Buffer[] = [];
  const server = await serve(async (req, res) => {
    bodies.push(await buffer(req));
    res.writeHead(202).end();
  });
  return {
    endpoint: `${server.url}/api/v2/spans`,
    /** Waits until that many spans have arrived, for 30 s at most. Returns their size in bytes. */
    async receive(expected: number): Promise<number> {
      const deadline = performance.now() + 30_000;
      let [spans, bytes] = [0, 0];
      while (spans < expected && performance.now() < deadline) {
        await sleep(20);
        for (const body of bodies.splice(0)) {
          spans += JSON.parse(body.toString()).length;
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
