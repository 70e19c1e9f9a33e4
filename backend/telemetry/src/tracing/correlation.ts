import {
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type Span,
} from '@opentelemetry/api';
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
  return new RecordContext(record, context.active());
}

/** The key under which OpenTelemetry's API keeps the active span, which it does not export: seen as it sets one. */
const SPAN = (() => {
  let seen: symbol | undefined;
  const witness = {
    setValue(key: symbol) {
      seen = key;
      return witness;
    },
  };
  trace.setSpan(witness as unknown as Context, trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
  return seen;
})();

/**
 * One object for each request, where `setSpan` and `setValue` would make two contexts with a copied map each, and the
 * span only when somebody asks for it.
 */
class RecordContext implements Context {
  readonly #record: RequestRecord;
  readonly #outer: Context;
  #span: Span | undefined;

  constructor(record: RequestRecord, outer: Context) {
    this.#record = record;
    this.#outer = outer;
  }

  getValue(key: symbol): unknown {
    if (key === RECORD) return this.#record;
    if (key === SPAN) return (this.#span ??= spanOf(this.#record));
    return this.#outer.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#asPlain().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#asPlain().deleteValue(key);
  }

  #asPlain(): Context {
    return trace.setSpan(this.#outer, spanOf(this.#record)).setValue(RECORD, this.#record);
  }
}

function spanOf(record: RequestRecord): Span {
  return trace.wrapSpanContext({
    traceId: record.traceId,
    spanId: record.spanId,
    // read when a child is made: whether the trace is sampled is decided after the request has begun
    get traceFlags() {
      return record.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    },
  });
}

/** The record of the request that is being served, or undefined outside of one. */
export function activeRecord(): RequestRecord | undefined {
  return context.active().getValue(RECORD) as RequestRecord | undefined;
}

/** The same context with a record, for a request whose SERVER span was made by an instrumentation. */
export function withRecord(base: Context, record: RequestRecord): Context {
  return base.setValue(RECORD, record);
}
