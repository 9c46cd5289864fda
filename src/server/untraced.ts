import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/config.ts';
import { isNavigation } from './page/is-navigation.ts';

/** Selects the requests that get no span: probes, which would fill the list of traces, and service1's page. */
export function untraced({ SERVICE_NAME }: Config): (request: IncomingMessage) => boolean {
  return (request) => {
    const path = request.url?.split('?', 1)[0];
    return path === '/health' || path === '/favicon.ico' || (SERVICE_NAME === 'service1' && isNavigation(request));
  };
}
