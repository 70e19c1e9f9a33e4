import type { RemoteContext } from '@clearway/telemetry';
import { createHash } from 'node:crypto';
import type { GatewayConfiguration } from '../configuration/schema.ts';
import type { OpenUpgrades } from '../proxy/upgrades/open-upgrades.ts';
import type { UpstreamListener } from '../proxy/upstream-events.ts';
import { Upstreams } from '../proxy/upstreams.ts';
import { reservedPaths, type ReservedPaths } from '../routing/reserved.ts';
import { RouteTable } from '../routing/route-table.ts';
import { createPolicies, type Policies, type PolicyResources } from '../policies/policies.ts';
import { TrustedNetworks } from './trust.ts';

/** Everything that is made from one configuration; replaced as a whole at a reload. */
export interface Runtime {
  readonly configuration: GatewayConfiguration;
  readonly table: RouteTable;
  readonly upstreams: Upstreams;
  /** Paths that never reach the routes. */
  readonly reserved: ReservedPaths;
  readonly policies: Policies;
  readonly trusted: TrustedNetworks;
  /** The gateway's name in `Via`. */
  readonly pseudonym: string;
  /** The upgraded connections of the gateway, of any configuration. */
  readonly upgrades: OpenUpgrades;
  /** Used where neither the route nor the section `tracing` says otherwise. */
  readonly sampleRatio: number;
  /** The span that a request runs in already; undefined where there never is one. */
  readonly localParent: (() => RemoteContext | undefined) | undefined;
  /** Requests under way under this configuration: its upstreams are not closed before they are done. */
  openRequests: number;
}

/**
 * Makes a runtime. Throws when the configuration cannot be carried out; nothing is opened then.
 *
 * @param previous upstreams that did not change keep their connections
 */
export function createRuntime(
  configuration: GatewayConfiguration,
  options: {
    sampleRatio: number;
    localParent?: Runtime['localParent'];
    resources: PolicyResources;
    onUpstream: UpstreamListener;
    upgrades: OpenUpgrades;
    previous?: Runtime | undefined;
  },
): Runtime {
  const table = new RouteTable(configuration.routes);
  const policies = createPolicies(configuration.routes, options.resources);
  const trusted = new TrustedNetworks(configuration.server);
  return {
    configuration,
    table,
    policies,
    reserved: reservedPaths(configuration.server.healthPrefix),
    // last of what may refuse the configuration: it begins to check targets
    upstreams: new Upstreams(configuration, options.onUpstream, options.previous?.upstreams),
    trusted,
    pseudonym: configuration.server.pseudonym ?? `clearway-${markOf(configuration)}`,
    upgrades: options.upgrades,
    openRequests: 0,
    localParent: options.localParent,
    sampleRatio: configuration.tracing.sampleRatio ?? options.sampleRatio,
  };
}

/**
 * A mark of what a gateway does: the same for all gateways of one configuration, through any of which a request may come
 * back, and another for a Clearway that rightly stands behind this one.
 */
function markOf({ routes, upstreams }: GatewayConfiguration): string {
  return createHash('sha256')
    .update(JSON.stringify([routes, upstreams]))
    .digest('hex')
    .slice(0, 8);
}
