import type { Request, Response } from 'express';

/**
 * The `http.route` of a request, given the one of instrumentation-express 0.72 (src/utils.ts). That is right, except:
 * - It compares req.originalUrl, query included, with the route, and has none for `/?a=b` or a path in another case.
 * - It omits the path of a mounted app: `app.use('/shops/:id', express())`.
 * - It is `/` for any request to `/`, even if no route matches its method: `POST /` responds 404.
 * Remove this file when none of this is so (docs/upstream.md).
 *
 * If the pattern of the whole path is not known, there is no route: a parameter's value must not be in it.
 */
export function expressRoute(req: Request, res: Response, route?: string): string | undefined {
  if (!req.app) return route; // not Express
  if (!req.route) return res.statusCode === 404 ? undefined : route;
  const mount = req.app.path();
  if (route && !mount) return route;
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
