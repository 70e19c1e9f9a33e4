export {
  RequestRecord,
  type AttemptRecord,
  type ExchangeKind,
  type PolicyRecord,
  type RequestArrival,
} from './record/request-record.ts';
export { createRecorder, type NamedSink, type Recorder, type RecordSink } from './record/recorder.ts';
export { newSpanId, newTraceId } from './record/ids.ts';
export { formatTraceparent, parseTraceparent, type TraceParent } from './record/trace-context.ts';
