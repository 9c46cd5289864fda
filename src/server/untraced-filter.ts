import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/config.ts';
import { isNavigation } from './page/is-navigation.ts';

/** Creates a predicate for requests that get no span: probes, which would fill the list of traces, and service1's page. */
export function createUntracedFilter({ SERVICE_NAME }: Config): (request: IncomingMessage) => boolean {
  return (request) => {
    // As Express matches them: in any case, with a slash at the end, and in the absolute form (`GET http://host/health`).
    const isProbe = /^(https?:\/\/[^/]*)?\/(health|favicon\.ico)\/?(\?|$)/i.test(request.url ?? '');
    return isProbe || (SERVICE_NAME === 'service1' && isNavigation(request));
  };
}
