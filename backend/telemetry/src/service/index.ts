export {
  serviceTelemetry,
  startServiceTelemetry,
  type ServiceTelemetry,
  type ServiceTelemetryOptions,
} from './telemetry.ts';
export { requestTelemetry } from './request-telemetry.ts';
export { errorHandler, metricsHandler } from './handlers.ts';
export {
  drainOnFatalError,
  loggedOperation,
  logger,
  monitoredQuery,
  reportError,
  shutdownTelemetry,
  trackMetric,
} from './operations.ts';
export { monitorPool, type ConnectionPool, type MonitorPoolOptions } from './database/monitor-pool.ts';
export { poolMetrics } from './database/pool-metrics.ts';
export { queryTags, sqlComment, type QueryTags } from './database/sql-comment.ts';
export type { ServiceRequest, ServiceResponse } from './http-types.ts';
export { gatewayTelemetry, type GatewayTelemetry } from './gateway-telemetry.ts';
