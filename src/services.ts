/** The services of the demo, and the default port of each. To add one, see CONTRIBUTING.md. */
export const services = {
  service1: { port: 5001 },
  service2: { port: 5002, urlVariable: 'SERVICE2_URL' },
  service3: { port: 5003, urlVariable: 'SERVICE3_URL' },
} as const;

export type ServiceName = keyof typeof services;
export const serviceNames = Object.keys(services) as ServiceName[];
