import type { JobMetrics } from '@clearway/contracts';
import { percentiles, type BucketCounts } from '../metrics/histogram.ts';
import type { Sql } from '../queue/connections.ts';
import { isoOf } from './list-jobs.ts';

/** The metrics of all jobs that ever ran, or of one. */
export async function readMetrics(sql: Sql, jobId?: string): Promise<JobMetrics[]> {
  const { rows } = await sql.query<MetricsRow>(READ_METRICS, [jobId ?? null]);
  const { rows: buckets } = await sql.query<BucketRow>(READ_BUCKETS, [jobId ?? null]);
  const byJob = Map.groupBy(buckets, (row) => row.job_id);
  return rows.map((row) => metricsOf(row, byJob.get(row.jobId) ?? []));
}

type MetricsRow = Omit<
  JobMetrics,
  'durationMs' | 'waitMs' | 'itemsProcessed' | 'lastExecutionAt' | 'lastSuccessAt' | 'lastFailureAt'
> & {
  readonly itemsProcessed: string;
  readonly lastExecutionAt: Date | null;
  readonly lastSuccessAt: Date | null;
  readonly lastFailureAt: Date | null;
};

interface BucketRow {
  readonly job_id: string;
  readonly measure: string;
  readonly bucket: number;
  readonly count: string;
}

function metricsOf(row: MetricsRow, buckets: readonly BucketRow[]): JobMetrics {
  const { minDurationMs: min, maxDurationMs: max } = row;
  return {
    ...row,
    durationMs: percentilesOf(buckets, 'duration_ms', { min: min ?? undefined, max: max ?? undefined }),
    waitMs: percentilesOf(buckets, 'wait_ms', { min: 0, max: row.maxWaitMs ?? undefined }),
    // what reporters count may be beyond what a number holds exactly
    itemsProcessed: Math.min(Number(row.itemsProcessed), Number.MAX_SAFE_INTEGER),
    lastExecutionAt: isoOf(row.lastExecutionAt),
    lastSuccessAt: isoOf(row.lastSuccessAt),
    lastFailureAt: isoOf(row.lastFailureAt),
  };
}

function percentilesOf(
  rows: readonly BucketRow[],
  measure: string,
  range: { min?: number | undefined; max?: number | undefined },
): JobMetrics['durationMs'] {
  const counts: BucketCounts = new Map(
    rows.filter((row) => row.measure === measure).map((row) => [row.bucket, Number(row.count)]),
  );
  const [p50, p95, p99] = percentiles(counts, [0.5, 0.95, 0.99], range);
  return p50 === undefined || p95 === undefined || p99 === undefined ? null : { p50, p95, p99 };
}

const READ_METRICS = `
  SELECT job_id AS "jobId", total_executions AS "totalExecutions", success_count AS "successCount",
    failure_count AS "failureCount", timeout_count AS "timeoutCount", lost_count AS "lostCount",
    total_duration_ms AS "totalDurationMs", min_duration_ms AS "minDurationMs", max_duration_ms AS "maxDurationMs",
    last_duration_ms AS "lastDurationMs", total_wait_ms AS "totalWaitMs", max_wait_ms AS "maxWaitMs",
    items_processed AS "itemsProcessed", last_execution_at AS "lastExecutionAt", last_success_at AS "lastSuccessAt",
    last_failure_at AS "lastFailureAt", metadata
  FROM job_metrics WHERE $1::text IS NULL OR job_id = $1 ORDER BY job_id`;

const READ_BUCKETS = `SELECT job_id, measure, bucket, count FROM job_metric_buckets WHERE $1::text IS NULL OR job_id = $1`;
