import type { Item } from './items.ts';
import type { RetentionTotals } from './retention.ts';
import type { Statements } from './statements.ts';
import { absorbSpan, isGatewaySpan, newTraceState, type TraceState } from './trace-state.ts';

/** What one trace may hold. */
export interface TraceBounds {
  readonly spans: number;
  readonly logs: number;
}

/** What became of a batch. */
export interface BatchOutcome {
  spans: number;
  logs: number;
  /** Items of traces that have all that they may have. */
  traceFull: number;
}

/** Rows have keys, and their trees have pages that are not full. */
const ROW_OVERHEAD_BYTES = 80;
const TRACE_OVERHEAD_BYTES = 700;

/** The gateway's own span comes last and names the trace: it finds room in a full one. */
const GATEWAY_RESERVE = 20;

/** Writes items, trace by trace. Runs within a transaction of its caller. */
export function writeBatch(
  statements: Statements,
  totals: RetentionTotals,
  items: readonly Item[],
  bounds: TraceBounds,
): BatchOutcome {
  const outcome: BatchOutcome = { spans: 0, logs: 0, traceFull: 0 };
  for (const [traceId, ofTrace] of Map.groupBy(items, (item) => item.traceId)) {
    writeTrace(statements, totals, { traceId, items: ofTrace, bounds, outcome });
  }
  return outcome;
}

function writeTrace(
  statements: Statements,
  totals: RetentionTotals,
  work: { traceId: string; items: readonly Item[]; bounds: TraceBounds; outcome: BatchOutcome },
): void {
  const state = statements.find(work.traceId) ?? begin(statements, work.traceId);
  if (state.bytes > 0) totals.count(state.class, state.bytes, -1);
  else state.bytes = TRACE_OVERHEAD_BYTES;
  const origins = new Map(statements.origins(state.id).map(({ number, body }) => [body, number]));
  for (const item of work.items) writeItem(statements, state, origins, item, work);
  statements.updateTrace(state);
  totals.count(state.class, state.bytes, 1);
}

function begin(statements: Statements, traceId: string): TraceState {
  const state = newTraceState(traceId);
  state.id = statements.insertTrace(state);
  return state;
}

function writeItem(
  statements: Statements,
  state: TraceState,
  origins: Map<string, number>,
  item: Item,
  { bounds, outcome }: { bounds: TraceBounds; outcome: BatchOutcome },
): void {
  if (isFull(state, item, bounds)) {
    outcome.traceFull++;
    return;
  }
  const origin = originNumber(statements, state, origins, item.origin);
  if (item.span) {
    if (!statements.insertSpan(state.id, item.span.spanId, origin, item.body)) return;
    absorbSpan(state, item.span, item.service);
    outcome.spans++;
  } else {
    statements.insertLog(state.id, state.logCount++, origin, item.body);
    outcome.logs++;
  }
  state.bytes += item.body.length + ROW_OVERHEAD_BYTES;
}

function isFull(state: TraceState, { span }: Item, bounds: TraceBounds): boolean {
  if (!span) return state.logCount >= bounds.logs;
  return state.spanCount >= bounds.spans + (isGatewaySpan(span) ? GATEWAY_RESERVE : 0);
}

function originNumber(statements: Statements, state: TraceState, origins: Map<string, number>, body: string): number {
  const known = origins.get(body);
  if (known !== undefined) return known;
  const number = origins.size;
  statements.insertOrigin(state.id, number, body);
  origins.set(body, number);
  state.bytes += body.length + ROW_OVERHEAD_BYTES;
  return number;
}
