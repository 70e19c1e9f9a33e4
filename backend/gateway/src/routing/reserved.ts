/** Which paths of the public port the gateway answers itself. */
export interface ReservedPaths {
  isReserved(path: string): boolean;
}

/**
 * The gateway's own paths: `/livez`, `/readyz`, `/startupz`, `/api/health` and everything below the last.
 *
 * @param prefix put before each of them, such as `/_gateway`; may be empty
 */
export function reservedPaths(prefix: string): ReservedPaths {
  const exact = new Set(['/livez', '/readyz', '/startupz', '/api/health'].map((path) => prefix + path));
  const below = `${prefix}/api/health/`;
  return { isReserved: (path) => exact.has(path) || path.startsWith(below) };
}
