import { connect } from 'node:net';
import { fetchJson } from './fetch-json.ts';
import { findPort } from './find-port.ts';

/** What a plan needs to know of the machine. */
export type Machine = {
  /** The wanted port, or the next one that is free. */
  findPort(wanted: number, host: string): Promise<number>;
  /** Whether a Zipkin listens at this URL. */
  hasZipkin(url: string): Promise<boolean>;
  isListening(port: number): Promise<boolean>;
};

export const thisMachine: Machine = { findPort, hasZipkin, isListening };

async function hasZipkin(url: string): Promise<boolean> {
  const health = await fetchJson(new URL('/health', url)).catch(() => undefined);
  return (health as { zipkin?: object } | undefined)?.zipkin !== undefined; // the built-in viewer's health has no `zipkin`
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
