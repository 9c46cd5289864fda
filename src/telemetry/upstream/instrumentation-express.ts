import type { ServerResponse } from 'node:http';
import { context, ProxyTracerProvider } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import type { Request } from 'express';

/**
 * Express's routes, without spans of its middleware, routers and handlers. instrumentation-express 0.72 doesn't take back
 * the path of a router that it ignores, and two routers at `/api` would be `/api/api`. So routers are not ignored, but
 * their spans are not recorded.
 *
 * Upstream: instrumentation-express: http.route
 */
export class RouteOnlyExpressInstrumentation extends ExpressInstrumentation {
  constructor() {
    super({ ignoreLayersType: [ExpressLayerType.MIDDLEWARE, ExpressLayerType.REQUEST_HANDLER] });
    super.setTracerProvider(new ProxyTracerProvider()); // it records nothing
  }

  override setTracerProvider(): void {} // the SDK's, which records
}

/**
 * Corrects the route of instrumentation-express 0.72 (src/utils.ts) before span, name and metric get it. The package
 * - compares req.originalUrl, query included, with the route, and has none for `/?a=b` or a path in another case.
 * - omits the path of a mounted app: `app.use('/shops/:id', express())`.
 * - has `/` for any request to `/`, even if no route matches its method: `POST /` responds 404.
 * - has `/` for every path of `app.all('/{*splat}')`.
 *
 * Call it in the context of the request. Upstream: instrumentation-express: http.route
 */
export function correctRoute(response: ServerResponse): void {
  const metadata = getRPCMetadata(context.active());
  if (!metadata) return;
  response.once('close', () => {
    const route = routeOf(response.req as Request, response.statusCode, metadata.route);
    if (route) metadata.route = route;
    else delete metadata.route;
  });
}

/** If the pattern of the whole path is not known, there is no route: a parameter's value must not be in it. */
function routeOf(req: Request, status: number, packageRoute?: string): string | undefined {
  if (!req.app) return packageRoute; // not Express
  if (!req.route) return status === 404 ? undefined : packageRoute;
  const mount = req.app.path();
  if (!mount && packageRoute === req.route.path) return packageRoute; // as most often
  // instrumentation-express keeps the paths of the routers here; req.baseUrl has the values of their parameters
  const { __ot_middlewares: routers = [] } = req as { __ot_middlewares?: string[] };
  const pattern = [mount, ...routers, req.route.path].filter((path) => path !== '/').join('') || '/';
  if (!mount && /[*{(\\,]/.test(pattern)) return pattern; // it can't be compared segment by segment
  const { baseUrl = '' } = req; // undefined once an error has left the routers
  return matches(pattern, baseUrl + req.path) ? pattern : undefined;
}

function matches(pattern: string, path: string): boolean {
  const [names, values] = [segmentsOf(pattern), segmentsOf(path)];
  return names.length === values.length && names.every((name, i) => name.includes(':') || name === values[i]);
}

const segmentsOf = (path: string) => path.toLowerCase().replace(/\/$/, '').split('/');
