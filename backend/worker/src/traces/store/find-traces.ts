import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { TraceClass, TraceSummary } from '@clearway/contracts';
import { stateOf } from './statements.ts';
import { RETENTION, type TraceState } from './trace-state.ts';

/** Which traces are wanted. */
export interface TraceSearch {
  readonly route?: string;
  readonly reason?: string;
  readonly service?: string;
  readonly requestId?: string;
  readonly minDurationMs?: number;
  /** Not older than this, in milliseconds since 1970. */
  readonly sinceMs?: number;
  readonly limit: number;
  /** Of the page before. */
  readonly cursor?: string;
}

/** A page of traces, newest first. */
export interface TracePage {
  readonly traces: readonly TraceSummary[];
  readonly nextCursor?: string;
}

/** A cursor that is none of ours. */
export class InvalidCursorError extends Error {}

/**
 * Looks for traces that have spans, newest first.
 *
 * @throws InvalidCursorError
 */
export function findTraces(database: DatabaseSync, search: TraceSearch): TracePage {
  const { text, values } = conditions(search);
  const rows = database
    .prepare(`SELECT * FROM traces WHERE ${text} ORDER BY start_us DESC, id DESC LIMIT ?`)
    .all(...values, search.limit + 1);
  const states = rows.slice(0, search.limit).map(stateOf);
  const last = states.at(-1);
  return {
    traces: states.map(summaryOf),
    ...(rows.length > search.limit && last && { nextCursor: cursorOf(last) }),
  };
}

function conditions(search: TraceSearch): { text: string; values: SQLInputValue[] } {
  const parts: [string, ...SQLInputValue[]][] = [['class > ?', RETENTION.logsOnly]];
  const { route, reason, service, requestId, minDurationMs, sinceMs, cursor } = search;
  if (route !== undefined) parts.push(['route = ?', route]);
  if (reason !== undefined) parts.push(['reason = ?', reason]);
  if (requestId !== undefined) parts.push(['request_id = ?', requestId]);
  // names stand as JSON strings, so a whole name is found and no part of one
  if (service !== undefined) parts.push(['instr(services, ?) > 0', JSON.stringify(service)]);
  if (minDurationMs !== undefined) parts.push(['duration_us >= ?', minDurationMs * 1000]);
  if (sinceMs !== undefined) parts.push(['start_us >= ?', sinceMs * 1000]);
  if (cursor !== undefined) parts.push(['(start_us, id) < (?, ?)', ...readCursor(cursor)]);
  return { text: parts.map(([part]) => part).join(' AND '), values: parts.flatMap(([, ...values]) => values) };
}

function cursorOf({ startUs, id }: TraceState): string {
  return Buffer.from(`${startUs}.${id}`).toString('base64url');
}

function readCursor(cursor: string): [number, number] {
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (!match) throw new InvalidCursorError('the cursor is not one that a page gave');
  return [Number(match[1]), Number(match[2])];
}

function summaryOf(state: TraceState): TraceSummary {
  const { route, method, path, status, reason, requestId } = state;
  return {
    traceId: state.traceId,
    name: state.name,
    service: state.service,
    services: state.services,
    startTime: new Date(state.startUs / 1000).toISOString(),
    durationMs: state.durationUs / 1000,
    class: classOf(state.class),
    ...(route !== null && { route }),
    ...(method !== null && { method }),
    ...(path !== null && { path }),
    ...(status !== null && { status }),
    ...(reason !== null && { reason }),
    ...(requestId !== null && { requestId }),
    spanCount: state.spanCount,
    errorCount: state.errorCount,
    logCount: state.logCount,
  };
}

function classOf(retention: number): TraceClass {
  if (retention === RETENTION.failed) return 'failed';
  return retention === RETENTION.slow ? 'slow' : 'ordinary';
}
