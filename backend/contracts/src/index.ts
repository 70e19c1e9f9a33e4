export {
  failureReasonSchema,
  invalidParameterSchema,
  invalidParametersProblemSchema,
  problemDocumentSchema,
  type InvalidParameter,
  type InvalidParametersProblem,
  type ProblemDocument,
} from './problem.ts';
export { healthDocumentSchema, serviceHealthSchema, type HealthDocument, type ServiceHealth } from './health.ts';
export { spanIdSchema, traceIdSchema } from './identifiers.ts';
export {
  anyValueSchema,
  keyValueSchema,
  resourceSchema,
  scopeSchema,
  type AnyValue,
  type InstrumentationScope,
  type KeyValue,
  type Resource,
} from './otlp/common.ts';
export { attributeValue, attributesOf, type AttributeRecord, type AttributeValue } from './otlp/attributes.ts';
export {
  resourceSpansSchema,
  scopeSpansSchema,
  spanEventSchema,
  spanLinkSchema,
  spanSchema,
  SPAN_KIND,
  SPAN_STATUS,
  tracesDataSchema,
  traceSchema,
  type ResourceSpans,
  type ScopeSpans,
  type Span,
  type SpanEvent,
  type SpanLink,
  type Trace,
  type TracesData,
} from './otlp/traces.ts';
export {
  logRecordSchema,
  logsDataSchema,
  resourceLogsSchema,
  scopeLogsSchema,
  type LogRecord,
  type LogsData,
  type ResourceLogs,
  type ScopeLogs,
} from './otlp/logs.ts';
export {
  traceClassSchema,
  traceListSchema,
  traceQuerySchema,
  traceSummarySchema,
  type TraceClass,
  type TraceList,
  type TraceQuery,
  type TraceSummary,
} from './trace-summary.ts';
export {
  recentRecordListSchema,
  recentRecordSchema,
  type RecentRecord,
  type RecentRecordList,
} from './recent-record.ts';
export {
  databaseSchema,
  databasesSchema,
  OWN_DATABASE,
  type DatabaseConfiguration,
} from './configuration/databases.ts';
export { resourcesSchema, type DatabaseResources } from './configuration/database-resources.ts';
export { thresholdsSchema, type DatabaseThresholds } from './configuration/database-thresholds.ts';
