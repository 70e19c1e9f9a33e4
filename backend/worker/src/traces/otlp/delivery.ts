import type { InstrumentationScope, LogRecord, ResourceLogs, ResourceSpans, Resource, Span } from '@clearway/contracts';

/** A span without the ids that make it one, before it was checked. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** A delivery of spans that was read. */
export interface SpansDelivery {
  readonly resourceSpans: readonly ResourceSpans[];
  /** Spans without valid ids. */
  readonly invalid: number;
}

/** A delivery of log records that was read. */
export interface LogsDelivery {
  readonly resourceLogs: readonly ResourceLogs[];
  /** Log records that belong to no trace: those are not kept. */
  readonly withoutTrace: number;
}

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

export const isTraceId = (id: string): boolean => TRACE_ID.test(id);
export const isSpanId = (id: string): boolean => SPAN_ID.test(id);

/** An empty span, to be filled. */
export function draftSpan(): Draft<Span> {
  return {
    traceId: '',
    spanId: '',
    name: '',
    kind: 0,
    startTimeUnixNano: '0',
    endTimeUnixNano: '0',
    attributes: [],
    status: { code: 0 },
  };
}

/** Whether a filled span can be kept; what is not an id of a parent is taken away. */
export function finishSpan(span: Draft<Span>): boolean {
  if (!isTraceId(span.traceId) || !isSpanId(span.spanId)) return false;
  if (span.parentSpanId !== undefined && !isSpanId(span.parentSpanId)) delete span.parentSpanId;
  if (span.kind > 5) span.kind = 0;
  if (span.links) span.links = span.links.filter((link) => isTraceId(link.traceId) && isSpanId(link.spanId));
  return true;
}

/** An empty log record, to be filled. */
export function draftLogRecord(): Draft<LogRecord> {
  return { timeUnixNano: '0', severityNumber: 0, body: {}, attributes: [], traceId: '' };
}

/** Whether a filled log record belongs to a trace. */
export function finishLogRecord(record: Draft<LogRecord>): boolean {
  if (!isTraceId(record.traceId)) return false;
  if (record.spanId !== undefined && !isSpanId(record.spanId)) delete record.spanId;
  if (record.severityNumber > 24) record.severityNumber = 0;
  if (record.timeUnixNano === '0') record.timeUnixNano = record.observedTimeUnixNano ?? '0';
  return true;
}

export const emptyResource = (): Draft<Resource> => ({ attributes: [] });
export const emptyScope = (): Draft<InstrumentationScope> => ({ name: '' });
