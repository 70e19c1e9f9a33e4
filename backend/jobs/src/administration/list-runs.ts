import type { JobRun, JobRunStatus, JobRunSummary } from '@clearway/contracts';
import type { Sql } from '../queue/connections.ts';
import { cursorOf, readCursor } from './cursor.ts';
import { isoOf } from './list-jobs.ts';

/** Which runs, and how many of them. */
export interface RunSearch {
  readonly jobId?: string | undefined;
  readonly status?: JobRunStatus | undefined;
  readonly eventId?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * A page of runs, newest first.
 *
 * @throws {InvalidCursor} when the cursor is not one that a page gave
 */
export async function listRuns(
  sql: Sql,
  { jobId, status, eventId, limit, cursor }: RunSearch,
): Promise<{ runs: JobRunSummary[]; nextCursor?: string }> {
  const [startedAt, id] = cursor === undefined ? [null, null] : readCursor(cursor, ['time', 'uuid']);
  const { rows } = await sql.query<RunRow>(
    `SELECT ${SUMMARY} FROM job_runs run
     WHERE ($1::text IS NULL OR job_id = $1) AND ($2::text IS NULL OR status::text = $2)
       AND ($3::timestamptz IS NULL OR (started_at, id) < ($3, $4::uuid))
       AND ($6::uuid IS NULL OR event_id = $6)
     ORDER BY started_at DESC, id DESC LIMIT $5`,
    [jobId ?? null, status ?? null, startedAt, id, limit + 1, eventId ?? null],
  );
  const runs = rows.slice(0, limit).map(summaryOf);
  const last = runs.at(-1);
  return { runs, ...(rows.length > limit && last && { nextCursor: cursorOf(last.startedAt, last.runId) }) };
}

/** One run with all that is kept of it. */
export async function readRun(sql: Sql, runId: string): Promise<JobRun | undefined> {
  const { rows } = await sql.query<RunRow & DetailRow>(
    `SELECT ${SUMMARY}, enqueued_at AS "enqueuedAt", due_at AS "dueAt", heartbeat_at AS "heartbeatAt",
       cancel_requested_at AS "cancelRequestedAt", request_id AS "requestId", error, output, metadata, logs
     FROM job_runs run WHERE id = $1`,
    [runId],
  );
  const [row] = rows;
  return (
    row && {
      ...row,
      ...summaryOf(row),
      enqueuedAt: isoOf(row.enqueuedAt),
      dueAt: isoOf(row.dueAt),
      heartbeatAt: isoOf(row.heartbeatAt),
      cancelRequestedAt: isoOf(row.cancelRequestedAt),
    }
  );
}

type RunRow = Omit<JobRunSummary, 'startedAt' | 'endedAt' | 'itemsProcessed'> & {
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly itemsProcessed: string | null;
};

type DetailRow = Pick<JobRun, 'requestId' | 'error' | 'output' | 'metadata' | 'logs'> & {
  readonly enqueuedAt: Date | null;
  readonly dueAt: Date | null;
  readonly heartbeatAt: Date | null;
  readonly cancelRequestedAt: Date | null;
};

function summaryOf(row: RunRow): JobRunSummary {
  return {
    ...row,
    startedAt: row.startedAt.toISOString(),
    endedAt: isoOf(row.endedAt),
    itemsProcessed: row.itemsProcessed === null ? null : Number(row.itemsProcessed),
  };
}

const SUMMARY = `id AS "runId", job_id AS "jobId", event_id AS "eventId", reported_id AS "reportedId", attempt, status,
  trigger, worker, started_at AS "startedAt", ended_at AS "endedAt", wait_ms AS "waitMs", duration_ms AS "durationMs",
  items_processed AS "itemsProcessed", progress, trace_id AS "traceId", error ->> 'message' AS "errorMessage"`;
