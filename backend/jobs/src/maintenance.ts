import type { Connections } from './queue/connections.ts';

const BATCH = 5000;

/** How long what is over is kept, in days. */
export interface KeepDays {
  readonly runs: number;
  /** Keys that succeeded: for so long a second event with the same key does nothing. */
  readonly keys: number;
  readonly audit: number;
}

export const DEFAULT_KEEP_DAYS: KeepDays = { runs: 30, keys: 90, audit: 365 };

/** What is deleted, and the age it must have. */
const STEPS: readonly { readonly table: string; readonly is: string; readonly days: keyof KeepDays }[] = [
  { table: 'job_runs', is: "ended_at < now() - $1 * interval '1 day'", days: 'runs' },
  {
    table: 'job_ledger',
    is: "created_at < now() - $1 * interval '1 day' AND succeeded_at IS NOT NULL",
    days: 'keys',
  },
  { table: 'audit_log', is: "at < now() - $1 * interval '1 day'", days: 'audit' },
];

/**
 * Deletes what is older than it is kept, in small steps. What goes on or waits is never touched.
 *
 * @param onDeleted hears after each step how many rows are gone so far
 * @returns how many rows were deleted
 */
export async function pruneHistory(
  connections: Connections,
  keepDays: KeepDays,
  signal: AbortSignal,
  onDeleted: (count: number) => void = () => {},
): Promise<number> {
  let count = 0;
  for (const { table, is, days } of STEPS) {
    const statement = `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${is} LIMIT ${BATCH}))`;
    for (let deleted = BATCH; deleted === BATCH;) {
      signal.throwIfAborted();
      deleted = (await connections.query(statement, [keepDays[days]])).rowCount ?? 0;
      onDeleted((count += deleted));
    }
  }
  return count;
}
