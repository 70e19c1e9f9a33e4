import type { Sql } from '../queue/connections.ts';
import type { RunEnd } from '../runs/run-records.ts';
import { bucketOf } from './histogram.ts';

/** A finished run, as it is counted. */
export interface CountedRun {
  readonly jobId: string;
  readonly end: RunEnd;
  /** Undefined when it was not told: only that it ended counts then. */
  readonly durationMs: number | undefined;
  /** Undefined when nobody knows since when it could have run. */
  readonly waitMs: number | undefined;
  readonly itemsProcessed: number | undefined;
}

/** Neither tells anything of the job: one was given back, the other had nothing to do. */
const NOT_COUNTED: readonly RunEnd[] = ['CANCELLED', 'DUPLICATE'];

/**
 * Adds a run to the metrics of its job. In the transaction that ends the run, so that it is counted once; last in it,
 * since the job's row stays locked until the commit.
 */
export async function countRun(sql: Sql, run: CountedRun): Promise<void> {
  if (NOT_COUNTED.includes(run.end)) return;
  const isSuccess = run.end === 'SUCCEEDED';
  await sql.query(ADD_TO_METRICS, [
    run.jobId,
    isSuccess ? 1 : 0,
    run.durationMs ?? null,
    run.waitMs ?? 0,
    run.itemsProcessed ?? 0,
    run.end === 'TIMED_OUT' ? 1 : 0,
    run.end === 'LOST' ? 1 : 0,
  ]);
  const measures: [string, number][] = [];
  if (run.waitMs !== undefined) measures.push(['wait_ms', bucketOf(run.waitMs)]);
  // how long a failure took says nothing about how long the work takes
  if (isSuccess && run.durationMs !== undefined) measures.push(['duration_ms', bucketOf(run.durationMs)]);
  if (isSuccess && run.itemsProcessed !== undefined) measures.push(['items', bucketOf(run.itemsProcessed)]);
  await sql.query(ADD_TO_BUCKETS, [run.jobId, measures.map(([measure]) => measure), measures.map(([, at]) => at)]);
}

const ADD_TO_METRICS = `
  INSERT INTO job_metrics AS m (job_id, total_executions, success_count, failure_count, total_duration_ms, min_duration_ms,
    max_duration_ms, last_duration_ms, total_wait_ms, max_wait_ms, items_processed, timeout_count, lost_count,
    last_execution_at, last_success_at, last_failure_at, updated_at)
  VALUES ($1, 1, $2, 1 - $2::int, coalesce($3::float8, 0), $3::float8, $3::float8, $3::float8, $4, $4, $5, $6, $7,
    now(), CASE WHEN $2::int = 1 THEN now() END, CASE WHEN $2::int = 0 THEN now() END, now())
  ON CONFLICT (job_id) DO UPDATE SET
    total_executions = m.total_executions + 1,
    success_count = m.success_count + excluded.success_count,
    failure_count = m.failure_count + excluded.failure_count,
    total_duration_ms = m.total_duration_ms + excluded.total_duration_ms,
    min_duration_ms = least(m.min_duration_ms, excluded.min_duration_ms),
    max_duration_ms = greatest(m.max_duration_ms, excluded.max_duration_ms),
    last_duration_ms = coalesce(excluded.last_duration_ms, m.last_duration_ms),
    total_wait_ms = m.total_wait_ms + excluded.total_wait_ms,
    max_wait_ms = greatest(m.max_wait_ms, excluded.max_wait_ms),
    items_processed = m.items_processed + excluded.items_processed,
    timeout_count = m.timeout_count + excluded.timeout_count,
    lost_count = m.lost_count + excluded.lost_count,
    last_execution_at = greatest(m.last_execution_at, excluded.last_execution_at),
    last_success_at = greatest(m.last_success_at, excluded.last_success_at),
    last_failure_at = greatest(m.last_failure_at, excluded.last_failure_at),
    updated_at = now()`;

const ADD_TO_BUCKETS = `
  INSERT INTO job_metric_buckets AS b (job_id, measure, bucket, count)
  SELECT $1, measure, bucket, 1 FROM unnest($2::text[], $3::smallint[]) AS hit (measure, bucket)
  ON CONFLICT (job_id, measure, bucket) DO UPDATE SET count = b.count + 1`;
