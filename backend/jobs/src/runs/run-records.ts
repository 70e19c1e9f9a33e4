import type { Sql } from '../queue/connections.ts';
import type { Trigger } from '../queue/event.ts';
import { countRun } from '../metrics/count-run.ts';
import type { KeptError } from './kept-error.ts';

/** How a run ended. */
export type RunEnd = 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'CANCELLED' | 'LOST' | 'DUPLICATE';

/** What is known of a run when it begins. */
export interface RunStart {
  readonly runId: string;
  readonly jobId: string;
  readonly eventId: string;
  readonly attempt: number;
  readonly trigger: Trigger;
  readonly worker: string;
  readonly enqueuedAt: Date;
  /** Since when the event could have run. */
  readonly runnableAt: Date;
  readonly dueAt: Date | undefined;
  readonly traceId: string | undefined;
  readonly requestId: string | undefined;
}

/**
 * Writes down that a run begins. An earlier run of the same event that never ended was lost with its worker: it is closed
 * here, which also keeps it from recording a late success.
 */
export async function beginRun(sql: Sql, run: RunStart): Promise<void> {
  await closeLostRuns(sql, run.jobId, run.eventId);
  await sql.query(
    `INSERT INTO job_runs (id, job_id, event_id, attempt, status, trigger, worker, enqueued_at, due_at, started_at,
       heartbeat_at, wait_ms, trace_id, request_id)
     VALUES ($1, $2, $3, $4, 'RUNNING', $5, $6, $7, $8, now(), now(),
       greatest(0, extract(epoch FROM now() - $9::timestamptz) * 1000), $10, $11)`,
    [
      run.runId,
      run.jobId,
      run.eventId,
      run.attempt,
      run.trigger,
      run.worker,
      run.enqueuedAt,
      run.dueAt ?? null,
      run.runnableAt,
      run.traceId ?? null,
      run.requestId ?? null,
    ],
  );
}

/** Closes the runs of an event that never ended, and counts them. */
export async function closeLostRuns(sql: Sql, jobId: string, eventId: string): Promise<void> {
  const { rows } = await sql.query<{ id: string; duration_ms: number; wait_ms: number | null }>(
    `UPDATE job_runs
     SET status = 'LOST', ended_at = now(), duration_ms = extract(epoch FROM heartbeat_at - started_at) * 1000,
       error = '{"name":"WorkerLost","message":"The worker ended, or gave no sign of life, while the job ran."}'
     WHERE event_id = $1 AND status = 'RUNNING'
     RETURNING id, duration_ms, wait_ms`,
    [eventId],
  );
  for (const run of rows) {
    await countRun(sql, {
      jobId,
      end: 'LOST',
      durationMs: Math.max(0, run.duration_ms),
      waitMs: run.wait_ms ?? 0,
      itemsProcessed: undefined,
    });
  }
}

/** What is known of a run when it ends. */
export interface RunResult {
  readonly end: RunEnd;
  readonly durationMs: number;
  readonly itemsProcessed: number | undefined;
  /** JSON texts. */
  readonly output: string | null;
  readonly error: KeptError | undefined;
  readonly logs: string | null;
  readonly progress: string | null;
}

/** The state of a run, which stays as it is until the transaction ends; undefined when there is no such run. */
export async function lockRun(sql: Sql, runId: string): Promise<RunEnd | 'RUNNING' | undefined> {
  const { rows } = await sql.query<{ status: RunEnd | 'RUNNING' }>(
    'SELECT status FROM job_runs WHERE id = $1 FOR UPDATE',
    [runId],
  );
  return rows[0]?.status;
}

/** Ends a run that is going on, and counts it unless it was given back or had nothing to do. */
export async function endRun(sql: Sql, run: { jobId: string; runId: string }, result: RunResult): Promise<void> {
  const { rows } = await sql.query<{ wait_ms: number | null }>(
    `UPDATE job_runs SET status = $2, ended_at = now(), duration_ms = $3, items_processed = $4, output = $5, error = $6,
       logs = $7, progress = coalesce($8, progress)
     WHERE id = $1
     RETURNING wait_ms`,
    [
      run.runId,
      result.end,
      result.durationMs,
      result.itemsProcessed ?? null,
      result.output,
      result.error ? JSON.stringify(result.error) : null,
      result.logs,
      result.progress,
    ],
  );
  await countRun(sql, { jobId: run.jobId, waitMs: rows[0]?.wait_ms ?? 0, ...result });
}
