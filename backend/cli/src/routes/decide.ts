import {
  forwardedPath,
  hostName,
  readTarget,
  reservedPaths,
  RouteTable,
  type ClearwayConfiguration,
  type CompiledRoute,
  type Mismatch,
  type RoutedRequest,
} from '@clearway/gateway/configuration';
import type { WrittenRequest } from './parse-request.ts';

/** What the gateway would do with a request. */
export type Outcome =
  | { readonly kind: 'refused'; readonly reason: 'request_invalid'; readonly problem: string }
  | { readonly kind: 'reserved' }
  | {
      readonly kind: 'none';
      readonly reason: 'route_not_found' | 'method_not_allowed';
      readonly allow: readonly string[];
    }
  | {
      readonly kind: 'route';
      readonly route: string;
      /** What the upstream is asked for: path and query. */
      readonly forwarded: string;
      readonly upstream: string;
      readonly targets: readonly string[];
    };

/** The outcome, and for each route why it is not the one. */
export interface Decision {
  readonly outcome: Outcome;
  /** The path in the form that is matched; undefined when it is refused. */
  readonly path: string | undefined;
  readonly routes: readonly { readonly id: string; readonly taken: boolean; readonly why: string }[];
}

/**
 * Decides by the gateway's own routing, so that the answer is the gateway's.
 *
 * @param shown the configuration as it may be printed
 */
export function decide(
  written: WrittenRequest,
  configuration: ClearwayConfiguration,
  shown: Pick<ClearwayConfiguration, 'routes'>,
): Decision {
  const target = readTarget(written.target);
  if ('problem' in target) {
    return {
      outcome: { kind: 'refused', reason: 'request_invalid', problem: target.problem },
      path: undefined,
      routes: [],
    };
  }
  const { path, query } = target;
  if (reservedPaths(configuration.server.healthPrefix).isReserved(path)) {
    return { outcome: { kind: 'reserved' }, path, routes: [] };
  }
  const { method, headers } = written;
  const request: RoutedRequest = { method, host: hostName(written.host), path, query, headers };
  const table = new RouteTable(configuration.routes);
  const match = table.match(request);
  const winner = 'route' in match ? match.route : undefined;
  const printed = new Map(new RouteTable(shown.routes).routes.map((route) => [route.configuration.id, route]));
  const routes = table.explain(request).map(({ route, mismatch }) => ({
    id: route.configuration.id,
    taken: route === winner,
    why:
      route === winner ? 'takes it' : whyNot(printed.get(route.configuration.id) ?? route, mismatch, request, winner),
  }));
  if ('route' in match) return { outcome: routeOutcome(match.route, path, query, configuration), path, routes };
  const allow = match.reason === 'method_not_allowed' ? match.allow : [];
  return { outcome: { kind: 'none', reason: match.reason, allow }, path, routes };
}

function routeOutcome(
  { configuration: { id, upstream, stripPrefix } }: CompiledRoute,
  path: string,
  query: string,
  { upstreams }: ClearwayConfiguration,
): Outcome {
  const forwarded = forwardedPath(path, stripPrefix) + (query === '' ? '' : `?${query}`);
  const targets = upstreams[upstream]?.targets.map(({ url }) => url) ?? [];
  return { kind: 'route', route: id, forwarded, upstream, targets };
}

function whyNot(
  route: CompiledRoute,
  mismatch: Mismatch | undefined,
  request: RoutedRequest,
  winner: CompiledRoute | undefined,
): string {
  const { host, path } = route.configuration.match;
  switch (mismatch) {
    case undefined:
      return `also fits, but ${winner?.configuration.id ?? 'another'} is more specific and comes first`;
    case 'host':
      return `host: wants ${host}, the request has ${request.host || 'none'}`;
    case 'path':
      return `path: wants ${path}`;
    case 'method':
      return `method: wants ${[...(route.methods ?? [])].join(', ')}, the request has ${request.method}`;
    case 'headers':
      return `headers: wants ${conditions(route.headers)}`;
    case 'query':
      return `query: wants ${conditions(route.query)}`;
  }
}

function conditions(list: readonly (readonly [string, string])[]): string {
  return list.map(([name, value]) => (value === '*' ? `${name} to be there` : `${name}=${value}`)).join(' and ');
}
