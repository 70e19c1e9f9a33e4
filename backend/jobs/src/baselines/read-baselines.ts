import type { Sql } from '../queue/connections.ts';
import type { BaselineState, VerdictKind } from './types.ts';

/** What is known of a job's usual durations, and how its last runs stand against it. */
export interface KeptBaseline {
  readonly jobId: string;
  readonly baselineAvgMs: number;
  readonly baselineP50Ms: number | null;
  readonly baselineP95Ms: number;
  readonly sampleSize: number;
  readonly phase: BaselineState['phase'];
  readonly verdict: VerdictKind;
  /** The first run of the present state, and how many times as long as expected the runs since then took. */
  readonly sinceRunId: string | null;
  readonly sinceAt: Date | null;
  readonly ratio: number | null;
  readonly evidence: string | null;
  readonly updatedAt: Date;
}

/**
 * The baselines of all jobs.
 *
 * @param jobId only this one
 */
export async function readBaselines(sql: Sql, jobId?: string): Promise<KeptBaseline[]> {
  const { rows } = await sql.query<KeptBaseline>(READ, [jobId ?? null]);
  return rows;
}

const READ = `SELECT job_id AS "jobId", baseline_avg_ms AS "baselineAvgMs", baseline_p50_ms AS "baselineP50Ms",
    baseline_p95_ms AS "baselineP95Ms", sample_size AS "sampleSize", phase, verdict, since_run_id AS "sinceRunId",
    since_at AS "sinceAt", ratio, evidence, updated_at AS "updatedAt"
  FROM performance_baselines WHERE $1::text IS NULL OR job_id = $1 ORDER BY job_id`;
