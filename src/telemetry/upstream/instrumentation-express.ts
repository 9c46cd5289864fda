import type { Span } from '@opentelemetry/api';
import type { Request, Response } from 'express';
import { attributesOf } from '../attributes-of.ts';

/**
 * Corrects the `http.route` of instrumentation-express 0.72 (src/utils.ts), and the span's name. The package
 * - compares req.originalUrl, query included, with the route, and has none for `/?a=b` or a path in another case.
 * - omits the path of a mounted app: `app.use('/shops/:id', express())`.
 * - has `/` for any request to `/`, even if no route matches its method: `POST /` responds 404.
 *
 * Upstream: instrumentation-express: http.route
 */
export function correctRoute(span: Span, req: Request, res: Response): void {
  const attributes = attributesOf(span);
  const packageRoute = attributes['http.route'] as string | undefined;
  const route = routeOf(req, res, packageRoute);
  if (route === packageRoute) return;
  if (!route) delete attributes['http.route'];
  span.setAttributes({ 'http.route': route }).updateName(route ? `${req.method} ${route}` : req.method);
}

/** If the pattern of the whole path is not known, there is no route: a parameter's value must not be in it. */
function routeOf(req: Request, res: Response, packageRoute?: string): string | undefined {
  if (!req.app) return packageRoute; // not Express
  if (!req.route) return res.statusCode === 404 ? undefined : packageRoute;
  const mount = req.app.path();
  if (packageRoute && !mount) return packageRoute;
  // instrumentation-express keeps the paths of the routers here; req.baseUrl has the values of their parameters
  const { __ot_middlewares: routers = [] } = req as { __ot_middlewares?: string[] };
  const pattern = [mount, ...routers, req.route.path].filter((path) => path !== '/').join('') || '/';
  return matches(pattern, req.baseUrl + req.path) ? pattern : undefined;
}

function matches(pattern: string, path: string): boolean {
  const [names, values] = [segmentsOf(pattern), segmentsOf(path)];
  return names.length === values.length && names.every((name, i) => name.startsWith(':') || name === values[i]);
}

const segmentsOf = (path: string) => path.toLowerCase().replace(/\/$/, '').split('/');
