// What other processes and the command line ask of a configuration: it loads neither the proxy nor the telemetry, whose
// libraries take most of the second that a command would need to start.
export { loadClearwayFile, loadSections, type ClearwayConfiguration } from './load.ts';
export {
  gatewaySections,
  type GatewayConfiguration,
  type RouteConfiguration,
  type UpstreamConfiguration,
} from './schema.ts';
export { shownConfiguration } from './shown.ts';
export { watchFiles, type FileWatch } from './watch-files.ts';
export { callerOf } from '../policies/caller.ts';
export { hostName } from '../routing/host-name.ts';
export { reservedPaths, type ReservedPaths } from '../routing/reserved.ts';
export { RouteTable, type CompiledRoute, type Mismatch, type RoutedRequest } from '../routing/route-table.ts';
export { forwardedPath, readTarget, type RequestTarget } from '../routing/target.ts';
