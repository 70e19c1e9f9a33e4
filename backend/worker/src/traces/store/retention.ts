import { RETENTION } from './trace-state.ts';
import type { Statements } from './statements.ts';

/** Names of the retention classes, in the order in which they go. */
export const RETENTION_NAMES = Object.keys(RETENTION) as readonly (keyof typeof RETENTION)[];

/** Traces that are removed in one transaction at most. */
const STEP_TRACES = 200;

/**
 * What each class may keep while a later one has more than that: without it, a store full of failed traces would
 * remove every other one in the moment in which it came.
 */
const RESERVE_SHARE = 0.05;

/** How much the traces of each class take. */
export class RetentionTotals {
  readonly bytes = RETENTION_NAMES.map(() => 0);
  readonly traces = RETENTION_NAMES.map(() => 0);

  constructor(statements: Statements) {
    for (const row of statements.byClass()) {
      this.bytes[row.class] = row.bytes;
      this.traces[row.class] = row.traces;
    }
  }

  /** Counts a trace in (`direction` 1) or out (-1). */
  count(retention: number, bytes: number, direction: 1 | -1): void {
    this.bytes[retention] = (this.bytes[retention] ?? 0) + direction * bytes;
    this.traces[retention] = (this.traces[retention] ?? 0) + direction;
  }

  /** Whose oldest trace goes next: log records without spans, then ordinary, slow, failed; undefined when there is none. */
  next(): number | undefined {
    const total = this.bytes.reduce((sum, bytes) => sum + bytes, 0);
    const aboveReserve = this.bytes.findIndex((bytes) => bytes > total * RESERVE_SHARE);
    return aboveReserve < 0 ? undefined : aboveReserve;
  }
}

/**
 * Removes the oldest traces of the class that goes next, in one transaction.
 *
 * @param excessBytes how much is too much; it stops when about that was removed
 * @returns how many were removed of each class; an empty list when there is nothing to remove
 */
export function removeOldest(statements: Statements, totals: RetentionTotals, excessBytes: number): number[] {
  const retention = totals.next();
  if (retention === undefined) return [];
  let removedBytes = 0;
  let removed = 0;
  for (const { id, bytes } of statements.oldest(retention, STEP_TRACES)) {
    if (removedBytes > excessBytes) break;
    statements.removeTrace(id);
    totals.count(retention, bytes, -1);
    removedBytes += bytes;
    removed++;
  }
  return RETENTION_NAMES.map((_, index) => (index === retention ? removed : 0));
}
