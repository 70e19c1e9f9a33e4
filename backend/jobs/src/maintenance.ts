import { pruneDeadLetters } from './dead-letters/retention.ts';
import type { Connections } from './queue/connections.ts';

const BATCH = 5000;

/** How long what is over is kept, in days. */
export interface KeepDays {
  readonly runs: number;
  /** Keys that succeeded: for so long a second event with the same key does nothing. */
  readonly keys: number;
  readonly audit: number;
  /** Dead letters that are over, and replays. */
  readonly deadLetters: number;
}

export const DEFAULT_KEEP_DAYS: KeepDays = { runs: 30, keys: 90, audit: 365, deadLetters: 90 };

/** What is deleted, and the age it must have. */
const STEPS: readonly { readonly table: string; readonly is: string; readonly days: keyof KeepDays }[] = [
  { table: 'job_runs', is: "ended_at < now() - $1 * interval '1 day'", days: 'runs' },
  {
    table: 'job_ledger',
    // a letter that still may be replayed must not do again what another event did
    is: `created_at < now() - $1 * interval '1 day' AND succeeded_at IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM dead_letter_queue letter WHERE letter.job_id = job_ledger.job_id AND letter.key = job_ledger.key
        AND letter.status <> 'SUCCEEDED' AND letter.discarded_at IS NULL)`,
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
  await pruneDeadLetters(connections, keepDays.deadLetters, signal, (deleted) => onDeleted((count += deleted)));
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
