/** The JSON that service1 responds with. */
export type Service1Response = {
  failure_chance_pct: number;
  response_codes: Record<string, number | null>;
  errors?: Record<string, { status: number; message: string }>;
  trace_id?: string;
  trace_url?: string;
};

/** Sends `GET url` and returns the status, headers and JSON of the response. */
export async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Service1Response };
}

/** The headers of a caller whose trace is to be continued. */
export const b3 = (traceId: string, spanId = hex(16), sampled = '1') => ({
  'X-B3-TraceId': traceId,
  'X-B3-SpanId': spanId,
  'X-B3-Sampled': sampled,
});

/** A random id of that many hex digits. */
export const hex = (digits: number) =>
  Array.from({ length: digits }, () => (1 + Math.floor(Math.random() * 15)).toString(16)).join('');
