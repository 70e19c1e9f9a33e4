export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts';
export {
  gateway,
  type GatewayConfigurationInput,
  type MountConfiguration,
  type MountedGateway,
  type MountOptions,
} from './mount.ts';
export {
  gatewayConfigurationSchema,
  gatewaySections,
  type GatewayConfiguration,
  type RouteConfiguration,
  type UpstreamConfiguration,
} from './configuration/schema.ts';
export {
  clearwayJsonSchema,
  clearwaySchema,
  loadClearwayFile,
  loadSections,
  type ClearwayConfiguration,
  type ClearwaySection,
} from './configuration/load.ts';
export { shownConfiguration } from './configuration/shown.ts';
export {
  RouteTable,
  type CompiledRoute,
  type Mismatch,
  type RoutedRequest,
  type RouteMatch,
} from './routing/route-table.ts';
export { normalisePath, type NormalisedPath } from './routing/normalise.ts';
export { forwardedPath, readTarget, type RequestTarget } from './routing/target.ts';
export { reservedPaths, type ReservedPaths } from './routing/reserved.ts';
export { PIPELINE, type Step } from './pipeline/pipeline.ts';
export { hostName } from './routing/host-name.ts';
export { callerOf } from './policies/caller.ts';
export { OpenUpgrades } from './proxy/upgrades/open-upgrades.ts';
export type { Target, Upstream } from './proxy/upstreams.ts';
export { tlsFiles } from './proxy/tls-material.ts';
export type {
  NameFailed,
  NameMoved,
  NameRecovered,
  TargetChecked,
  UpstreamEvent,
  UpstreamListener,
} from './proxy/upstream-events.ts';
