import type { CompiledRoute, GatewayConfiguration } from '@clearway/gateway/configuration';

/** Settings by their path: `policies.rateLimit.limit`. */
type Settings = ReadonlyMap<string, string>;

/** Settings of a route that say which requests it takes or what is told of them, not what happens to them. */
const NOT_TREATMENT = new Set(['id', 'match', 'slo', 'tracing']);

/** What two configurations would do differently to a request that a route of each takes, one text for each setting. */
export function treatmentChanges(
  before: readonly [CompiledRoute, GatewayConfiguration],
  after: readonly [CompiledRoute, GatewayConfiguration],
): string[] {
  return changes(treatment(...before), treatment(...after));
}

/** What two configurations say differently of all requests. */
export function serverChanges(before: GatewayConfiguration, after: GatewayConfiguration): string[] {
  return changes(flatten('server', before.server), flatten('server', after.server));
}

function treatment({ configuration: route }: CompiledRoute, { upstreams }: GatewayConfiguration): Settings {
  const own = Object.entries(route).filter(([name]) => !NOT_TREATMENT.has(name));
  return new Map([
    ...own.flatMap(([name, value]) => [...flatten(name, value)]),
    ...flatten('upstream settings', upstreams[route.upstream]),
  ]);
}

function changes(before: Settings, after: Settings): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name) ?? 'none'} → ${after.get(name) ?? 'none'}`);
}

function flatten(path: string, value: unknown): Settings {
  if (value === undefined) return new Map();
  const isLeaf = typeof value !== 'object' || value === null || (Array.isArray(value) && value.every(isSimple));
  if (isLeaf) return new Map([[path, typeof value === 'string' ? value : JSON.stringify(value)]]);
  return new Map(Object.entries(value).flatMap(([name, inner]) => [...flatten(`${path}.${name}`, inner)]));
}

function isSimple(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
