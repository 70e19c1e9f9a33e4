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
export type { ServiceRequest, ServiceResponse } from './http-types.ts';
export { gatewayTelemetry, type GatewayTelemetry } from './gateway-telemetry.ts';
