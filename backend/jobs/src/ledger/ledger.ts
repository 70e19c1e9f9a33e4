import type { Sql } from '../queue/connections.ts';

/**
 * The keys of a job's events. An event takes its key when it is enqueued; the key succeeds once, in the transaction that
 * records the success of a run. A key whose event went to the dead letters is free again for a new event.
 */

/**
 * Takes a key for an event.
 *
 * @returns the event that has the key: the given one, or an earlier one
 */
export async function claimKey(sql: Sql, jobId: string, key: string, eventId: string): Promise<string> {
  const { rows } = await sql.query<{ event_id: string }>(
    `INSERT INTO job_ledger AS ledger (job_id, key, event_id) VALUES ($1, $2, $3)
     ON CONFLICT (job_id, key) DO UPDATE SET event_id = CASE
       WHEN ledger.succeeded_at IS NULL AND EXISTS (
         SELECT 1 FROM dead_letter_queue dead WHERE dead.event_id = ledger.event_id
       ) THEN excluded.event_id ELSE ledger.event_id END
     RETURNING event_id`,
    [jobId, key, eventId],
  );
  return rows[0]?.event_id ?? eventId;
}

/** What a key's earlier success left, or undefined when the key has not succeeded. */
export async function earlierSuccess(
  sql: Sql,
  jobId: string,
  key: string,
): Promise<{ readonly eventId: string; readonly output: unknown } | undefined> {
  const { rows } = await sql.query<{ event_id: string; output: unknown }>(
    'SELECT event_id, output FROM job_ledger WHERE job_id = $1 AND key = $2 AND succeeded_at IS NOT NULL',
    [jobId, key],
  );
  return rows[0] && { eventId: rows[0].event_id, output: rows[0].output };
}

/** What succeeded. */
export interface Success {
  readonly jobId: string;
  readonly key: string;
  readonly eventId: string;
  readonly runId: string;
  /** JSON text. */
  readonly output: string | null;
}

/**
 * Records the success of a key; waits for another transaction that is about to do the same.
 *
 * @returns false when the key has succeeded before: what was done must be rolled back
 */
export async function recordSuccess(sql: Sql, success: Success): Promise<boolean> {
  const { rowCount } = await sql.query(
    `INSERT INTO job_ledger AS ledger (job_id, key, event_id, run_id, succeeded_at, output)
     VALUES ($1, $2, $3, $4, now(), $5)
     ON CONFLICT (job_id, key) DO UPDATE
       SET event_id = excluded.event_id, run_id = excluded.run_id, succeeded_at = now(), output = excluded.output
       WHERE ledger.succeeded_at IS NULL`,
    [success.jobId, success.key, success.eventId, success.runId, success.output],
  );
  return rowCount === 1;
}

/** Frees the key of an event that was cancelled. */
export async function releaseKey(sql: Sql, jobId: string, eventId: string): Promise<void> {
  await sql.query('DELETE FROM job_ledger WHERE job_id = $1 AND event_id = $2 AND succeeded_at IS NULL', [
    jobId,
    eventId,
  ]);
}
