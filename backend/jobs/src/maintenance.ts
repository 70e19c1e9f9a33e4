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

/** Deletes what is older than it is kept, in small steps. What goes on or waits is never touched. */
export async function prune(connections: Connections, keepDays: KeepDays): Promise<void> {
  await inSteps(connections, 'job_runs', "ended_at < now() - $1 * interval '1 day'", keepDays.runs);
  await inSteps(
    connections,
    'job_ledger',
    "created_at < now() - $1 * interval '1 day' AND succeeded_at IS NOT NULL",
    keepDays.keys,
  );
  await inSteps(connections, 'audit_log', "at < now() - $1 * interval '1 day'", keepDays.audit);
}

async function inSteps(connections: Connections, table: string, condition: string, days: number): Promise<void> {
  const statement = `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${BATCH}))`;
  for (let deleted = BATCH; deleted === BATCH;) {
    deleted = (await connections.query(statement, [days])).rowCount ?? 0;
  }
}
