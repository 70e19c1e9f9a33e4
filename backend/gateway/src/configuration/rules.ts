import type { RuleViolation } from '@clearway/kernel';
import { reservedPaths } from '../routing/reserved.ts';
import { parsePattern, patternShape } from '../routing/pattern.ts';
import type { GatewayConfiguration, RouteConfiguration } from './schema.ts';

type Routes = Pick<GatewayConfiguration, 'routes' | 'upstreams' | 'server'>;

/** Route ids are labels: two routes with one id could not be told apart. */
export function ruleUniqueRouteIds({ routes }: Routes): RuleViolation[] {
  const first = new Map<string, number>();
  return routes.flatMap(({ id }, i) => {
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, i);
      return [];
    }
    const message = `'${id}' is also the id of routes[${earlier}]`;
    return [{ path: ['routes', i, 'id'], message, remedy: 'give each route an id of its own' }];
  });
}

/** A route must lead somewhere. */
export function ruleUpstreamsExist({ routes, upstreams }: Routes): RuleViolation[] {
  const known = Object.keys(upstreams);
  return routes.flatMap(({ upstream }, i) =>
    known.includes(upstream)
      ? []
      : [
          {
            path: ['routes', i, 'upstream'],
            message: `there is no upstream '${upstream}'`,
            remedy: known.length > 0 ? `use one of ${known.join(', ')}, or add it to upstreams` : 'add it to upstreams',
          },
        ],
  );
}

/** The gateway's own paths cannot be taken by name; wildcards never take them. */
export function ruleReservedPaths({ routes, server }: Routes): RuleViolation[] {
  const reserved = reservedPaths(server.healthPrefix);
  return routes.flatMap(({ match }, i) =>
    /[:*]/.test(match.path) || !reserved.isReserved(match.path)
      ? []
      : [
          {
            path: ['routes', i, 'match', 'path'],
            message: "this path is the gateway's own",
            remedy: 'choose another path, or move the own ones with server.healthPrefix',
          },
        ],
  );
}

/** Two routes that no request could tell apart: which one is taken would depend on their order in the file. */
export function ruleAmbiguousRoutes({ routes }: Routes): RuleViolation[] {
  const first = new Map<string, { index: number; route: RouteConfiguration }[]>();
  return routes.flatMap((route, index) => {
    const key = conditionsKey(route);
    const twins = first.get(key) ?? [];
    first.set(key, [...twins, { index, route }]);
    const twin = twins.find((other) => methodsOverlap(other.route.match.methods, route.match.methods));
    if (!twin) return [];
    return [
      {
        path: ['routes', index, 'match'],
        message: `takes the same requests as routes[${twin.index}] ('${twin.route.id}')`,
        remedy: 'make their host, path, methods, headers or query differ',
      },
    ];
  });
}

function conditionsKey({ match }: RouteConfiguration): string {
  const parsed = parsePattern(match.path);
  const sorted = (conditions: Record<string, string> | undefined) => Object.entries(conditions ?? {}).sort();
  const shape = 'problem' in parsed ? match.path : patternShape(parsed);
  return JSON.stringify([match.host ?? '', shape, sorted(match.headers), sorted(match.query)]);
}

function methodsOverlap(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === undefined || b === undefined || a.some((method) => b.includes(method));
}
