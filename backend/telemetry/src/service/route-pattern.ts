import type { ServiceRequest } from './http-types.ts';

/** A path segment that is data and no name: Express tells a mounted router's path with its values filled in. */
const VALUE = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|[\w-]{25,})$/i;

/** The pattern of the route that answered, such as `/v1/tracks/:id`; undefined when none did. */
export function routePattern(request: ServiceRequest): string | undefined {
  const path: unknown = request.route?.path;
  if (path === undefined) return undefined;
  const own = String(Array.isArray(path) ? path[0] : path);
  const base = (request.baseUrl ?? '')
    .split('/')
    .map((segment) => (VALUE.test(segment) ? ':id' : segment))
    .join('/');
  return own === '/' && base !== '' ? base : base + own;
}
