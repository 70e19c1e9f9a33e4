import type { ClearwayConfiguration, CompiledRoute, UpstreamConfiguration } from '@clearway/gateway/configuration';
import type { Column } from '../terminal/table.ts';

/** One route as tables and scripts show it. */
export interface RouteRow {
  /** From 1: the place in which it is tried. */
  readonly order: number;
  readonly id: string;
  /** Null: any. */
  readonly host: string | null;
  readonly path: string;
  /** Null: all. */
  readonly methods: readonly string[] | null;
  /** What else a request must have, such as `header x-version=2`. */
  readonly conditions: readonly string[];
  readonly upstream: string;
  readonly targets: readonly string[];
  readonly stripPrefix: string | null;
  /** Each policy with its settings. */
  readonly policies: readonly string[];
  readonly timeouts: Readonly<Record<string, number>>;
}

/** The routes in the order in which they are tried, each with where it leads. */
export function routeRows(routes: readonly CompiledRoute[], configuration: ClearwayConfiguration): RouteRow[] {
  return routes.map((route, i) => {
    const { id, match, upstream, stripPrefix, policies } = route.configuration;
    const { targets, timeouts } = configuration.upstreams[upstream] as UpstreamConfiguration;
    return {
      order: i + 1,
      id,
      host: match.host ?? null,
      path: match.path,
      methods: route.methods ? [...route.methods] : null,
      conditions: conditionsOf(route),
      upstream,
      targets: targets.map(({ url }) => url),
      stripPrefix: stripPrefix ?? null,
      policies: Object.entries(policies).flatMap(([name, settings]) => (settings ? [policyText(name, settings)] : [])),
      timeouts,
    };
  });
}

function conditionsOf({ headers, query }: CompiledRoute): string[] {
  const text = (kind: string, [name, value]: readonly [string, string]) =>
    `${kind} ${name}${value === '*' ? '' : `=${value}`}`;
  return [
    ...headers.map((condition) => text('header', condition)),
    ...query.map((condition) => text('query', condition)),
  ];
}

/** A policy in a few words: its name and its settings, whatever they are. */
function policyText(name: string, settings: object): string {
  const parts = Object.entries(settings).map(([key, value]) => `${key} ${String(value)}`);
  return parts.length > 0 ? `${name} (${parts.join(', ')})` : name;
}

export const ROUTE_COLUMNS: readonly Column[] = [
  { title: '#', align: 'right' },
  { title: 'ROUTE' },
  { title: 'HOST' },
  { title: 'PATH' },
  { title: 'METHODS' },
  { title: 'CONDITIONS' },
  { title: 'UPSTREAM' },
  { title: 'POLICIES' },
];

/** The cells of a route, in the order of ROUTE_COLUMNS; what does not limit it is left empty. */
export function routeCells(row: RouteRow): string[] {
  const strip = row.stripPrefix === null ? '' : ` without ${row.stripPrefix}`;
  return [
    String(row.order),
    row.id,
    row.host ?? '',
    row.path,
    row.methods?.join(' ') ?? 'any',
    row.conditions.join(', '),
    row.upstream + strip,
    row.policies.join(', '),
  ];
}

export const UPSTREAM_COLUMNS: readonly Column[] = [
  { title: 'UPSTREAM' },
  { title: 'TARGETS' },
  { title: 'BALANCE' },
  { title: 'CONNECT', align: 'right' },
  { title: 'HEADERS', align: 'right' },
  { title: 'IDLE', align: 'right' },
  { title: 'TOTAL', align: 'right' },
];

/** The cells of an upstream, in the order of UPSTREAM_COLUMNS; time limits in milliseconds. */
export function upstreamCells(name: string, { targets, balance, timeouts }: UpstreamConfiguration): string[] {
  const weighted = balance === 'weighted';
  const places = targets.map(({ url, weight }) => (weighted ? `${url} (weight ${weight})` : url));
  const limits = [timeouts.connectMs, timeouts.headersMs, timeouts.idleMs, timeouts.totalMs];
  return [name, places.join(', '), balance, ...limits.map((ms) => `${ms} ms`)];
}
