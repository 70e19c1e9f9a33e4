import type { RecentRecord } from '@clearway/contracts';
import {
  hostName,
  reservedPaths,
  RouteTable,
  type CompiledRoute,
  type GatewayConfiguration,
  type RoutedRequest,
} from '@clearway/gateway/configuration';
import { conditionsOf, type KnownConditions } from './conditions.ts';

/** Where a configuration would send a request. */
export type Routing =
  | { readonly kind: 'route'; readonly route: CompiledRoute }
  | { readonly kind: 'refused'; readonly reason: 'route_not_found' | 'method_not_allowed' }
  | { readonly kind: 'reserved' }
  /** It depends on headers or query values, which records do not hold. */
  | { readonly kind: 'undecided'; readonly dependsOn: readonly string[] };

type Fit = 'fits' | 'not-by-method' | 'not';

/** The routes of one configuration, asked about requests of which headers and query values are not known. */
export class RecentRouter {
  readonly routes: readonly CompiledRoute[];
  /** A table of each route alone, to ask about it apart from the others. */
  readonly #alone: ReadonlyMap<CompiledRoute, { table: RouteTable } & Pick<RoutedRequest, 'query' | 'headers'>>;
  readonly #isReserved: (path: string) => boolean;

  constructor({ routes, server }: Pick<GatewayConfiguration, 'routes' | 'server'>) {
    this.routes = new RouteTable(routes).routes;
    this.#alone = new Map(
      this.routes.map((route) => {
        const query = new URLSearchParams(Object.fromEntries(route.query)).toString();
        const table = new RouteTable([route.configuration]);
        return [route, { table, query, headers: Object.fromEntries(route.headers) }];
      }),
    );
    this.#isReserved = (path) => reservedPaths(server.healthPrefix).isReserved(path);
  }

  /** Decides as the gateway does, as far as it can be told. */
  decide(record: RecentRecord, known: KnownConditions): Routing {
    if (this.#isReserved(record.path)) return { kind: 'reserved' };
    const dependsOn: string[] = [];
    let reason: 'route_not_found' | 'method_not_allowed' = 'route_not_found';
    for (const route of this.routes) {
      const fit = this.#fit(route, record);
      if (fit === 'not') continue;
      const isMet = known.meets(route);
      if (isMet === false) continue;
      if (isMet === undefined) dependsOn.push(...conditionsOf(route));
      else if (fit === 'not-by-method') reason = 'method_not_allowed';
      else return dependsOn.length > 0 ? { kind: 'undecided', dependsOn } : { kind: 'route', route };
    }
    return dependsOn.length > 0 ? { kind: 'undecided', dependsOn } : { kind: 'refused', reason };
  }

  /** Learns from what the gateway decided under this configuration. */
  learn({ route: taken, reason, ...record }: RecentRecord, known: KnownConditions): void {
    const isRouted = taken !== '_none';
    if (!isRouted && reason !== 'route_not_found' && reason !== 'method_not_allowed') return;
    for (const route of this.routes) {
      if (this.#fit(route, record) !== 'fits') continue;
      if (route.configuration.id === taken) return known.met(route);
      known.notMet(route);
    }
  }

  /** Whether a route takes the request, should its conditions on headers and query be met. */
  #fit(route: CompiledRoute, { method, host, path }: Pick<RecentRecord, 'method' | 'host' | 'path'>): Fit {
    const alone = this.#alone.get(route);
    if (alone === undefined) return 'not';
    const { table, query, headers } = alone;
    const match = table.match({ method, host: hostName(host ?? ''), path, query, headers });
    if ('reason' in match && match.reason === 'route_not_found') return 'not';
    return 'route' in match ? 'fits' : 'not-by-method';
  }
}
