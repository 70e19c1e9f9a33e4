import { context, createContextKey, trace, TraceFlags, type Context } from '@opentelemetry/api';
import type { RequestRecord } from '../record/request-record.ts';

const RECORD = createContextKey('clearway.record');

/**
 * Runs `fn` inside the request of `record`: spans made within become children of its SERVER span, log lines carry its
 * ids, and `activeRecord()` finds it, across awaits as well.
 *
 * @example
 * runWithRecord(record, () => handle(request, response));
 */
export function runWithRecord<T>(record: RequestRecord, fn: () => T): T {
  return context.with(recordContext(record), fn);
}

/** The context of a record's SERVER span: a span that is not recorded, since the record itself becomes the span. */
export function recordContext(record: RequestRecord): Context {
  const span = trace.wrapSpanContext({
    traceId: record.traceId,
    spanId: record.spanId,
    // read when a child is made: whether the trace is sampled is decided after the request has begun
    get traceFlags() {
      return record.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    },
  });
  return trace.setSpan(context.active(), span).setValue(RECORD, record);
}

/** The record of the request that is being served, or undefined outside of one. */
export function activeRecord(): RequestRecord | undefined {
  return context.active().getValue(RECORD) as RequestRecord | undefined;
}

/** The same context with a record, for a request whose SERVER span was made by an instrumentation. */
export function withRecord(base: Context, record: RequestRecord): Context {
  return base.setValue(RECORD, record);
}
