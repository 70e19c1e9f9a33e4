export { startTracing, type Tracing } from './start.ts';
export type { ExporterName, InstrumentationSet, OtlpEndpoint, QueueStats, TracingOptions } from './options.ts';
export { recordSpans, serverSpanName } from './record-spans.ts';
export { activeRecord, recordContext, runWithRecord } from './correlation.ts';
export { sampledByRatio } from './sampling.ts';
export { traceDatabase, withoutSpans, withSpan } from './with-span.ts';
export { maskLiterals } from '@clearway/kernel';
export { foldMethod, redactQuery } from './http-attributes.ts';
