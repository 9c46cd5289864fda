import type { IncomingMessage } from 'node:http';
import type { Config } from '../config.ts';
import { isNavigation } from '../server/page/is-navigation.ts';

/** Selects the requests that get no SERVER span: health checks, which would fill the list of traces, and the demo's page. */
export function isUntraced({ SERVICE_NAME }: Pick<Config, 'SERVICE_NAME'>): (request: IncomingMessage) => boolean {
  return (request) => {
    const path = request.url?.split('?', 1)[0];
    return path === '/health' || path === '/favicon.ico' || (SERVICE_NAME === 'service1' && isNavigation(request));
  };
}
