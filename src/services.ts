// Plain data, without imports: settings, launcher and main.ts derive what they need from it. To add a service, see
// CONTRIBUTING.md.

/** The three services: the default port of each, and the services that it calls. */
export const services = {
  service1: { port: 5001, calls: ['service2', 'service3'] },
  service2: { port: 5002, calls: ['service3'] },
  service3: { port: 5003, calls: [] },
} as const satisfies Record<string, { port: number; calls: string[] }>;

export type ServiceName = keyof typeof services;
/** A service that another one calls. */
export type CalledService = (typeof services)[ServiceName]['calls'][number];

export const calledServices = [...new Set<CalledService>(Object.values(services).flatMap(({ calls }) => calls))];
