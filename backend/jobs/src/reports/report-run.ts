import type { JobRunStatus, RunReport, RunReportAnswer } from '@clearway/contracts';
import type { Connections, Sql } from '../queue/connections.ts';
import { problemsOf } from '../definition/problems-of.ts';
import { schedule } from '../definition/schedule-settings.ts';
import { countRun } from '../metrics/count-run.ts';
import { storable, storableJson } from '../runs/storable.ts';

/** Jobs that reports may make known: a stranger with a token must not fill the list. */
const MOST_REPORTED_JOBS = 1000;

/** A report cannot be taken; the message says why. */
export class ReportRefused extends Error {
  override readonly name = 'ReportRefused';
}

interface OpenRun {
  readonly id: string;
  readonly status: JobRunStatus;
  readonly cancel: boolean;
  /** Whether nothing was heard of it before. */
  readonly isNew: boolean;
}

/**
 * Takes what a job that runs elsewhere tells of a run. A job that is not known yet is made known. Reports may come twice:
 * a run is counted once, by the report that ends it, and the second one is answered like the first.
 *
 * @param runId as its reporter names it; without one a `success` or `failure` is a run of its own
 * @throws {ReportRefused} when a run that has ended is said to have ended otherwise, or too many jobs are known
 */
export async function reportRun(connections: Connections, jobId: string, report: RunReport): Promise<RunReportAnswer> {
  return connections.transaction(async (sql) => {
    await makeKnown(sql, jobId);
    if (report.expected) await keepExpected(sql, jobId, report.expected);
    const reportedId = storable(report.runId ?? crypto.randomUUID());
    const run = await openRun(sql, jobId, reportedId, report);
    const status = await apply(sql, jobId, run, report);
    return { runId: run.id, status, isCancelRequested: run.cancel };
  });
}

async function makeKnown(sql: Sql, jobId: string): Promise<void> {
  const { rowCount } = await sql.query('SELECT 1 FROM job_definitions WHERE job_id = $1', [jobId]);
  if (rowCount !== 0) return;
  const { rows } = await sql.query<{ count: string }>(
    "SELECT count(*) AS count FROM job_definitions WHERE source = 'reported'",
  );
  if (Number(rows[0]?.count) >= MOST_REPORTED_JOBS) {
    throw new ReportRefused(`${MOST_REPORTED_JOBS} jobs are known by reports: no further one is taken`);
  }
  await sql.query(
    "INSERT INTO job_definitions (job_id, source, settings) VALUES ($1, 'reported', '{}') ON CONFLICT DO NOTHING",
    [jobId],
  );
}

/**
 * Keeps when the job is expected to run. A schedule that is told anew is expected from now on.
 *
 * @throws {ReportRefused} when nobody can tell from it when that is
 */
async function keepExpected(sql: Sql, jobId: string, expected: NonNullable<RunReport['expected']>): Promise<void> {
  const problem = 'cron' in expected ? scheduleProblem(expected) : undefined;
  if (problem !== undefined) throw new ReportRefused(`expected: ${problem}`);
  await sql.query(
    `UPDATE job_definitions SET settings = settings || jsonb_build_object('expected', $2::jsonb), expected_since = now()
     WHERE job_id = $1 AND source = 'reported' AND settings -> 'expected' IS DISTINCT FROM $2::jsonb`,
    [jobId, JSON.stringify(expected)],
  );
}

function scheduleProblem({ cron, timeZone }: { cron: string; timeZone: string }): string | undefined {
  const parsed = schedule.safeParse({ cron, timeZone });
  return parsed.success ? undefined : problemsOf(parsed.error);
}

/** The run that a report speaks of, begun now if this is the first that is heard of it. */
async function openRun(sql: Sql, jobId: string, reportedId: string, report: RunReport): Promise<OpenRun> {
  const { rowCount } = await sql.query(
    `INSERT INTO job_runs (job_id, reported_id, status, trigger, worker, started_at, heartbeat_at)
     VALUES ($1, $2, 'RUNNING', 'report', NULL, now() - $3 * interval '1 millisecond', now())
     ON CONFLICT (job_id, reported_id) DO NOTHING`,
    [jobId, reportedId, report.status === 'started' ? 0 : (report.durationMs ?? 0)],
  );
  const { rows } = await sql.query<Omit<OpenRun, 'isNew'>>(
    `SELECT id, status, cancel_requested_at IS NOT NULL AS cancel FROM job_runs
     WHERE job_id = $1 AND reported_id = $2 FOR UPDATE`,
    [jobId, reportedId],
  );
  const [run] = rows;
  if (!run) throw new Error('a run that was just written is gone');
  return { ...run, isNew: rowCount === 1 };
}

async function apply(sql: Sql, jobId: string, run: OpenRun, report: RunReport): Promise<JobRunStatus> {
  if (report.status === 'started' || report.status === 'heartbeat') {
    if (run.status === 'RUNNING')
      await sql.query(GIVE_SIGN, [run.id, jsonOf(report.progress), jsonOf(report.metadata)]);
    return run.status;
  }
  const end = report.status === 'success' ? 'SUCCEEDED' : 'FAILED';
  if (run.status === end) return end;
  if (run.status !== 'RUNNING') {
    throw new ReportRefused(`the run has ended as ${run.status}: it cannot end as ${end} too`);
  }
  const error =
    end === 'FAILED' ? { name: 'Reported', message: report.error ?? 'The job reported a failure.' } : undefined;
  const { rows } = await sql.query<{ duration_ms: number | null }>(END_RUN, [
    run.id,
    end,
    report.durationMs ?? null,
    report.itemsProcessed ?? null,
    jsonOf(error),
    jsonOf(report.metadata),
    jsonOf(report.progress),
    run.isNew,
  ]);
  const durationMs = rows[0]?.duration_ms ?? undefined;
  await countRun(sql, { jobId, end, durationMs, waitMs: undefined, itemsProcessed: report.itemsProcessed });
  if (report.metadata) {
    await sql.query('UPDATE job_metrics SET metadata = $2 WHERE job_id = $1', [jobId, jsonOf(report.metadata)]);
  }
  return end;
}

const jsonOf = (value: unknown): string | null => storableJson(value) ?? null;

const GIVE_SIGN = `UPDATE job_runs SET heartbeat_at = now(), progress = coalesce($2, progress),
  metadata = coalesce($3, metadata) WHERE id = $1`;

const END_RUN = `UPDATE job_runs SET status = $2::job_run_status, ended_at = now(),
    -- how long a run took of which only the end was told nobody knows
    duration_ms = coalesce($3::float8, CASE WHEN NOT $8::boolean THEN greatest(0, extract(epoch FROM now() - started_at) * 1000) END),
    items_processed = $4, error = $5,
    metadata = coalesce($6, metadata), progress = coalesce($7, progress)
  WHERE id = $1 RETURNING duration_ms`;
