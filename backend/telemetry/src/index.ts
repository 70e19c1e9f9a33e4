export {
  RequestRecord,
  type AttemptRecord,
  type ExchangeKind,
  type PolicyRecord,
  type RequestArrival,
} from './record/request-record.ts';
export { createRecorder, type NamedSink, type Recorder, type RecordSink } from './record/recorder.ts';
export { newSpanId, newTraceId } from './record/ids.ts';
export { formatTraceparent, parseTraceparent, type RemoteContext, type TraceParent } from './record/trace-context.ts';
export { readContext } from './record/remote-context.ts';
export { formatB3 } from './record/b3.ts';
export { formatUberTraceId } from './record/jaeger.ts';
export { limitBaggage } from './record/baggage.ts';
export {
  activeRecord,
  foldMethod,
  maskLiterals,
  recordContext,
  recordSpans,
  redactQuery,
  runWithRecord,
  sampledByRatio,
  serverSpanName,
  startTracing,
  traceDatabase,
  withoutSpans,
  withSpan,
  type ExporterName,
  type InstrumentationSet,
  type OtlpEndpoint,
  type QueueStats,
  type Tracing,
  type TracingOptions,
} from './tracing/index.ts';
export { startErrors, type ErrorContext, type Errors, type ErrorsOptions, type SentTest } from './errors/index.ts';
export {
  createMetrics,
  LabelBudget,
  OTHER,
  requestMetrics,
  telemetryMetrics,
  type Counted,
  type Metrics,
  type MetricsOptions,
  type RequestLabels,
  type RequestMetrics,
  type TelemetryMetrics,
  type TelemetrySignals,
} from './metrics/index.ts';
export {
  accessLog,
  createLogger,
  LOG_LEVELS,
  phaseOf,
  type AccessLogOptions,
  type LoggerOptions,
  type LogLevel,
  type Logs,
} from './logs/index.ts';
export { isSecretName, scrub, scrubPath, scrubValue } from './redaction/scrub.ts';
export {
  otlpLogsTarget,
  telemetryEnvironment,
  tracingOptions,
  type TelemetryEnvironment,
} from './config/environment.ts';
export { onFatalError, type FatalOptions } from './fatal.ts';
export {
  drainOnFatalError,
  errorHandler,
  gatewayTelemetry,
  logger,
  loggedOperation,
  metricsHandler,
  monitoredQuery,
  monitorPool,
  queryTags,
  reportError,
  requestTelemetry,
  serviceTelemetry,
  shutdownTelemetry,
  sqlComment,
  startServiceTelemetry,
  trackMetric,
  type GatewayTelemetry,
  type ConnectionPool,
  type MonitorPoolOptions,
  type QueryTags,
  type ServiceRequest,
  type ServiceResponse,
  type ServiceTelemetry,
  type ServiceTelemetryOptions,
} from './service/index.ts';
