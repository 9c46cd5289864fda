// The services of the demo. To add a fourth one:
// 1. Add it here, with its port and the variable of its URL, and that variable to config/config.ts.
// 2. Write services/service4.ts, add it to the handlers in main.ts, and call it: the URL is in `config.SERVICE4_URL`.
// 3. Add it to compose.yaml, to docker/scale.yaml and, with its URL, to otel.env.
// 4. Draw it on the page: server/page/page.html and page.js.
// 5. Extend the trace in test/support/trace.ts.
// `npm run check` and `npm test` name most of these places if you forget them.

/** The services, and the default port of each. */
export const services = {
  service1: { port: 5001 },
  service2: { port: 5002, urlVariable: 'SERVICE2_URL' },
  service3: { port: 5003, urlVariable: 'SERVICE3_URL' },
} as const;

export type ServiceName = keyof typeof services;
export const serviceNames = Object.keys(services) as ServiceName[];
