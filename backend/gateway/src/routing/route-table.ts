import type { RouteConfiguration } from '../configuration/schema.ts';
import { compareSpecificity, parsePattern, patternMatches, splitPath, type PathPattern } from './pattern.ts';

/** What of a request decides about its route. */
export interface RoutedRequest {
  readonly method: string;
  /** Lower case, without port. */
  readonly host: string;
  /** Normalised. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** Names in lower case, as Node gives them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A route made ready for matching. */
export interface CompiledRoute {
  readonly configuration: RouteConfiguration;
  readonly pattern: PathPattern;
  /** Undefined: all. */
  readonly methods: ReadonlySet<string> | undefined;
  readonly headers: readonly (readonly [string, string])[];
  readonly query: readonly (readonly [string, string])[];
}

/** What matching found. */
export type RouteMatch =
  | { readonly route: CompiledRoute }
  | { readonly reason: 'route_not_found' }
  | { readonly reason: 'method_not_allowed'; readonly allow: readonly string[] };

/** Why a route does not take a request; undefined when it does. */
export type Mismatch = 'host' | 'path' | 'headers' | 'query' | 'method';

/**
 * The routes in the order in which they are tried: the more specific host first, then the more specific path, then
 * more conditions. The order in the file decides nothing.
 *
 * @example
 * const table = new RouteTable(configuration.routes);
 * const match = table.match({ method: 'GET', host: 'api.example.com', path: '/v1/tracks', query: '', headers: {} });
 */
export class RouteTable {
  readonly routes: readonly CompiledRoute[];
  /** Routes that begin with a literal segment, by it; `''` holds those that do not. Each in trial order. */
  readonly #byFirstSegment = new Map<string, CompiledRoute[]>();

  constructor(routes: readonly RouteConfiguration[]) {
    this.routes = routes.map(compile).sort(compareRoutes);
    const firsts = new Set(this.routes.map(firstLiteral));
    for (const first of [...firsts, '']) {
      this.#byFirstSegment.set(
        first,
        this.routes.filter((route) => firstLiteral(route) === first || firstLiteral(route) === ''),
      );
    }
  }

  /** The route that takes a request, or why none does. */
  match(request: RoutedRequest): RouteMatch {
    const parts = splitPath(request.path);
    const candidates = this.#byFirstSegment.get(parts[0] ?? '') ?? this.#byFirstSegment.get('') ?? [];
    const allow = new Set<string>();
    for (const route of candidates) {
      const mismatch = mismatchOf(route, request, parts);
      if (mismatch === undefined) return { route };
      if (mismatch === 'method') for (const method of route.methods ?? []) allow.add(method);
    }
    return allow.size > 0 ? { reason: 'method_not_allowed', allow: [...allow].sort() } : { reason: 'route_not_found' };
  }

  /** For each route, in trial order, why it does not take the request. */
  explain(request: RoutedRequest): { route: CompiledRoute; mismatch: Mismatch | undefined }[] {
    const parts = splitPath(request.path);
    return this.routes.map((route) => ({ route, mismatch: mismatchOf(route, request, parts) }));
  }
}

function compile(configuration: RouteConfiguration): CompiledRoute {
  const { path, methods, headers, query } = configuration.match;
  const pattern = parsePattern(path);
  if ('problem' in pattern) throw new Error(`route ${configuration.id}: ${path} ${pattern.problem}`);
  return {
    configuration,
    pattern,
    methods: methods && new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods),
    headers: Object.entries(headers ?? {}),
    query: Object.entries(query ?? {}),
  };
}

function firstLiteral(route: CompiledRoute): string {
  const first = route.pattern.segments[0];
  return first !== undefined && 'literal' in first ? first.literal : '';
}

function compareRoutes(a: CompiledRoute, b: CompiledRoute): number {
  const conditions = (route: CompiledRoute) => route.headers.length + route.query.length;
  return (
    hostRank(b) - hostRank(a) ||
    compareSpecificity(a.pattern, b.pattern) ||
    conditions(b) - conditions(a) ||
    Number(a.methods === undefined) - Number(b.methods === undefined) ||
    (a.configuration.id < b.configuration.id ? -1 : 1)
  );
}

/** Exact hosts first, then wildcards (the longer suffix first), then any. */
function hostRank({ configuration }: CompiledRoute): number {
  const { host } = configuration.match;
  if (host === undefined) return 0;
  return host.startsWith('*.') ? host.length : 1000;
}

function mismatchOf(route: CompiledRoute, request: RoutedRequest, parts: readonly string[]): Mismatch | undefined {
  if (!hostMatches(route.configuration.match.host, request.host)) return 'host';
  if (!patternMatches(route.pattern, parts)) return 'path';
  for (const [name, value] of route.headers) {
    const actual = request.headers[name];
    if (actual === undefined || (value !== '*' && String(actual) !== value)) return 'headers';
  }
  if (route.query.length > 0 && !queryMatches(route.query, request.query)) return 'query';
  return route.methods === undefined || route.methods.has(request.method) ? undefined : 'method';
}

function hostMatches(pattern: string | undefined, host: string): boolean {
  if (pattern === undefined) return true;
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) && host.length >= pattern.length : host === pattern;
}

function queryMatches(conditions: CompiledRoute['query'], query: string): boolean {
  const parameters = new URLSearchParams(query);
  return conditions.every(([name, value]) => (value === '*' ? parameters.has(name) : parameters.get(name) === value));
}
