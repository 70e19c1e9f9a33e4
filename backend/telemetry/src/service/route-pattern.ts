import type { ServiceRequest } from './http-types.ts';

/** A path segment that is data and no name: Express tells a mounted router's path with its values filled in. */
const VALUE = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|[\w-]{25,})$/i;

/**
 * Notes the pattern of the route, such as `/v1/tracks/:id`, at the moment when Express finds it: once an error has left
 * a mounted router, the path that it is mounted at is forgotten.
 *
 * @param onFound hears of it at that moment, when what the request does next is to be named after it
 * @returns tells the pattern of the route that was found last; undefined when there was none
 */
export function watchRoute(
  request: ServiceRequest,
  onFound: (pattern: string | undefined) => void = () => {},
): () => string | undefined {
  let route = request.route;
  let pattern = patternOf(request);
  Object.defineProperty(request, 'route', {
    configurable: true,
    enumerable: true,
    get: () => route,
    set(found: ServiceRequest['route']) {
      route = found;
      pattern = patternOf(request);
      onFound(pattern);
    },
  });
  return () => pattern;
}

function patternOf(request: ServiceRequest): string | undefined {
  const path: unknown = request.route?.path;
  if (path === undefined) return undefined;
  const own = String(Array.isArray(path) ? path[0] : path);
  const base = (request.baseUrl ?? '')
    .split('/')
    .map((segment) => (VALUE.test(segment) ? ':id' : segment))
    .join('/');
  return own === '/' && base !== '' ? base : base + own;
}
