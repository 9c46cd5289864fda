import autocannon from 'autocannon';

/** GETs `url` exactly `amount` times, and waits for every answer. Seconds, milliseconds of each answer, and how many of them were traced. */
export async function load(url: string, amount: number, connections: number) {
  const latenciesMs: number[] = [];
  let traced = 0;
  let last = 0;
  const start = performance.now();
  const { errors, non2xx } = await autocannon({
    url,
    amount,
    connections,
    timeout: 60,
    sampleInt: 50, // it looks this often whether it has ended
    setupClient: (client) =>
      client.on('response', (_status, _bytes, ms) => {
        latenciesMs.push(ms);
        last = performance.now();
      }),
    verifyBody: (body) => {
      if (body?.includes('"trace_id"')) traced++;
      return true;
    },
  });
  if (errors + non2xx > 0) throw new Error(`${url}: ${errors} requests without an answer, ${non2xx} not answered 2xx`);
  return { seconds: (last - start) / 1000, latenciesMs, traced };
}
