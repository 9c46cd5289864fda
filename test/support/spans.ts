import { hex } from './http.ts';

/** A span in Zipkin's format: 5 ms, in a trace of its own, unless `fields` say otherwise. */
export const zipkinSpan = <T extends object>(fields?: T) => ({
  traceId: hex(32),
  id: hex(16),
  name: 'GET /',
  timestamp: 1e15,
  duration: 5000,
  ...(fields as T),
});
