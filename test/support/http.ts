export type Answer = {
  failure_chance_pct: number;
  response_codes: Record<string, number | null>;
  errors?: Record<string, { status: number; message: string }>;
  trace_id?: string;
  trace_url?: string;
};

/** GETs `url` and gives the status and the JSON of the answer. */
export async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
}

/** An id of so many random hex digits. */
export const hex = (digits: number) =>
  Array.from({ length: digits }, () => (1 + Math.floor(Math.random() * 15)).toString(16)).join('');
