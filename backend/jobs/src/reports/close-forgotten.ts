import { countRun } from '../metrics/count-run.ts';
import type { Connections } from '../queue/connections.ts';

/** After how long without a word a reported run counts as lost, and one that was asked to stop as stopped. */
export interface ForgottenAfter {
  readonly lostHours: number;
  readonly cancelledMinutes: number;
}

export const FORGOTTEN_AFTER: ForgottenAfter = { lostHours: 24, cancelledMinutes: 10 };

/**
 * Ends the runs that began elsewhere and of which nothing is heard any more: their machine was switched off, or the line that
 * reports the end was never reached. Runs of our own are found by the queue.
 *
 * @returns how many were ended
 */
export async function closeForgottenRuns(
  connections: Connections,
  { lostHours, cancelledMinutes }: ForgottenAfter = FORGOTTEN_AFTER,
): Promise<number> {
  return connections.transaction(async (sql) => {
    const { rows } = await sql.query<Closed>(CLOSE, [lostHours, cancelledMinutes]);
    // the jobs' rows are locked in one order, whoever else does this
    for (const { jobId, end, durationMs } of rows.toSorted((a, b) => a.jobId.localeCompare(b.jobId))) {
      await countRun(sql, { jobId, end, durationMs, waitMs: undefined, itemsProcessed: undefined });
    }
    return rows.length;
  });
}

interface Closed {
  readonly jobId: string;
  readonly end: 'LOST' | 'CANCELLED';
  readonly durationMs: number;
}

const MOST_AT_ONCE = 1000;

const CLOSE = `
  UPDATE job_runs SET ended_at = now(), duration_ms = extract(epoch FROM heartbeat_at - started_at) * 1000,
    status = CASE WHEN cancel_requested_at IS NULL THEN 'LOST' ELSE 'CANCELLED' END::job_run_status,
    error = CASE WHEN cancel_requested_at IS NULL THEN '{"name":"NothingHeard","message":"The run began elsewhere, and its end was never reported."}'::jsonb END
  WHERE id IN (
    SELECT id FROM job_runs
    WHERE status = 'RUNNING' AND trigger = 'report'
      AND (heartbeat_at < now() - $1 * interval '1 hour'
        OR cancel_requested_at < now() - $2 * interval '1 minute' AND heartbeat_at < now() - $2 * interval '1 minute')
    LIMIT ${MOST_AT_ONCE} FOR UPDATE SKIP LOCKED)
  RETURNING job_id AS "jobId", status AS end, greatest(0, duration_ms) AS "durationMs"`;
