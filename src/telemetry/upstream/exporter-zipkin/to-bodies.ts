const maxBytes = 10_000_000; // Zipkin's limit is 10 MiB

export type Body = { spans: number; json: Buffer };

/**
 * Spans as the bodies of POSTs, each of a size that Zipkin accepts. By default it responds 500 to a larger one, and all
 * of its spans would be lost. `onTooLarge` gets the size of each span that is too large alone, in bytes.
 */
export function toBodies(spans: object[], onTooLarge: (bytes: number) => void): Body[] {
  const bodies: string[][] = [];
  let bytes = maxBytes;
  for (const span of spans) {
    const json = JSON.stringify(span);
    const size = Buffer.byteLength(json) + 1; // and a comma
    if (size >= maxBytes) {
      onTooLarge(size);
      continue;
    }
    bytes += size;
    if (bytes >= maxBytes) {
      bodies.push([]);
      bytes = size;
    }
    bodies.at(-1)?.push(json);
  }
  return bodies.map((body) => ({ spans: body.length, json: Buffer.from(`[${body}]`) }));
}
