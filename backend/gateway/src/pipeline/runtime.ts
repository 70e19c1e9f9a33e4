import type { GatewayConfiguration } from '../configuration/schema.ts';
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
  /** Used where neither the route nor the section `tracing` says otherwise. */
  readonly sampleRatio: number;
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
    resources: PolicyResources;
    onUpstream: UpstreamListener;
    previous?: Runtime | undefined;
  },
): Runtime {
  const table = new RouteTable(configuration.routes);
  const policies = createPolicies(configuration.routes, options.resources);
  return {
    configuration,
    table,
    policies,
    reserved: reservedPaths(configuration.server.healthPrefix),
    upstreams: new Upstreams(configuration, options.onUpstream, options.previous?.upstreams),
    trusted: new TrustedNetworks(configuration.server),
    openRequests: 0,
    sampleRatio: configuration.tracing.sampleRatio ?? options.sampleRatio,
  };
}
