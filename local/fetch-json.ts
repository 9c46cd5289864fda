/**
 * GETs JSON, within 5 s.
 * @throws Error if there is none, or more than `maxMegabytes`
 */
export async function fetchJson(url: URL, maxMegabytes: number): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (!response.ok || !response.body) throw new Error(`GET ${url}: ${response.status}`);
  let bytes = 0;
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > maxMegabytes * 1e6) throw new Error(`GET ${url}: more than ${maxMegabytes} MB`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
