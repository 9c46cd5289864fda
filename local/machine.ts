import { connect } from 'node:net';
import { fetchJson } from './fetch-json.ts';
import { findPort } from './find-port.ts';

/** What a plan needs to know of the machine. */
export type Machine = {
  /** The wanted port, or the next one that is free. */
  findPort(wanted: number, host: string): Promise<number>;
  /** Whether a Zipkin listens at this URL. */
  hasZipkin(url: string): Promise<boolean>;
  /** Whether a program that is no viewer listens on this port of OTLP. */
  hasOtlpBackend(port: number): Promise<boolean>;
};

export const thisMachine: Machine = { findPort, hasZipkin, hasOtlpBackend };

async function hasZipkin(url: string): Promise<boolean> {
  return 'zipkin' in (await healthAt(url)); // the built-in viewer's health has no `zipkin`
}

/** A viewer has both ports of OTLP, and only by HTTP it can say that it is one. */
async function hasOtlpBackend(port: number): Promise<boolean> {
  const httpPort = port === 4317 ? 4318 : port;
  return (await isListening(port)) && !('viewer' in (await healthAt(`http://localhost:${httpPort}`)));
}

async function healthAt(url: string): Promise<object> {
  const health = await fetchJson(new URL('/health', url), 1).catch(() => undefined);
  return Object(health);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
