import type { Connections, Sql } from '../queue/connections.ts';
import { accept, newBaseline, observe, relearn } from './detector.ts';
import { summaryOf } from './summary.ts';
import type { BaselineState, ObservedRun, Verdict } from './types.ts';

/** Runs taken at once: a job that has many to catch up with must not keep the others waiting. */
const LARGEST_BATCH = 500;
/** So many batches of one job in a row: more than any job ends between two looks. */
const MOST_BATCHES = 20;
const MOST_JOBS = 200;

/** A job whose verdict is another than before. */
export interface VerdictChange {
  readonly jobId: string;
  readonly before: Verdict['kind'];
  readonly verdict: Verdict;
}

/**
 * Compares all runs that ended since the last time with the baselines of their jobs. Any number of processes may do so at
 * once: a job's row is locked while its runs are taken in, in the order in which they began, and the new state and the
 * mark on the runs are committed together, so each run is observed once.
 *
 * Runs that did not succeed are marked and not compared: how long a failure takes says nothing.
 *
 * @returns the jobs whose verdict changed
 */
export async function observeEndedRuns(connections: Connections): Promise<VerdictChange[]> {
  const { rows } = await connections.query<{ job_id: string }>(JOBS_WITH_NEW_RUNS, [MOST_JOBS]);
  const changes: VerdictChange[] = [];
  for (const { job_id: jobId } of rows) {
    for (let batch = 0; batch < MOST_BATCHES; batch++) {
      const { count, change } = await connections.transaction((sql) => observeBatch(sql, jobId));
      if (change) changes.push(change);
      if (count < LARGEST_BATCH) break;
    }
  }
  return changes;
}

/** One step of the index for each job, however many runs wait. */
const JOBS_WITH_NEW_RUNS = `
  WITH RECURSIVE found (job_id) AS (
    (SELECT job_id FROM job_runs WHERE NOT observed AND ended_at IS NOT NULL ORDER BY job_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.job_id FROM job_runs r
            WHERE NOT r.observed AND r.ended_at IS NOT NULL AND r.job_id > found.job_id ORDER BY r.job_id LIMIT 1)
    FROM found WHERE found.job_id IS NOT NULL)
  SELECT job_id FROM found WHERE job_id IS NOT NULL LIMIT $1`;

interface RunRow {
  readonly id: string;
  readonly status: string;
  readonly started_at: Date;
  readonly duration_ms: number | null;
  readonly items_processed: string | null;
}

async function observeBatch(sql: Sql, jobId: string): Promise<{ count: number; change?: VerdictChange }> {
  const state = await lockState(sql, jobId, 'SKIP LOCKED');
  if (!state) return { count: 0 }; // another process has it
  const { rows } = await sql.query<RunRow>(NEW_RUNS, [jobId, LARGEST_BATCH]);
  const before = await verdictKind(sql, jobId);
  let after = state;
  let verdict: Verdict | undefined;
  for (const run of rows.filter(isComparable)) ({ state: after, verdict } = observe(after, observedOf(run)));
  if (verdict) await save(sql, jobId, after, verdict);
  await sql.query('UPDATE job_runs SET observed = true WHERE id = ANY ($1)', [rows.map(({ id }) => id)]);
  const count = rows.length;
  return verdict && verdict.kind !== before ? { count, change: { jobId, before, verdict } } : { count };
}

const NEW_RUNS = `SELECT id, status, started_at, duration_ms, items_processed FROM (
    SELECT * FROM job_runs WHERE job_id = $1 AND NOT observed AND ended_at IS NOT NULL
    ORDER BY ended_at, id LIMIT $2 FOR UPDATE) ended
  ORDER BY started_at, id`;

const isComparable = ({ status, duration_ms }: RunRow): boolean => status === 'SUCCEEDED' && duration_ms !== null;

const observedOf = (run: RunRow): ObservedRun => ({
  id: run.id,
  startedAtMs: run.started_at.getTime(),
  durationMs: run.duration_ms!,
  itemsProcessed: run.items_processed === null ? undefined : Number(run.items_processed),
});

/** Makes the row of a job when there is none, and locks it. Undefined: another process has it and we do not wait. */
async function lockState(sql: Sql, jobId: string, wait: 'SKIP LOCKED' | ''): Promise<BaselineState | undefined> {
  await sql.query(MAKE_ROW, [jobId]);
  const { rows } = await sql.query<{ state: BaselineState | null; time_zone: string | null }>(
    `SELECT b.state,
       coalesce(d.settings #>> '{schedule,timeZone}', d.settings #>> '{expected,timeZone}') AS time_zone
     FROM performance_baselines b LEFT JOIN job_definitions d ON d.job_id = b.job_id
     WHERE b.job_id = $1 FOR UPDATE OF b ${wait}`,
    [jobId],
  );
  const [row] = rows;
  if (!row) return undefined;
  const fresh = newBaseline(row.time_zone === null ? {} : { timeZone: row.time_zone });
  return row.state?.version === fresh.version ? row.state : fresh;
}

const MAKE_ROW = `INSERT INTO performance_baselines (job_id, baseline_avg_ms, baseline_p95_ms, sample_size)
  SELECT $1, 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM performance_baselines WHERE job_id = $1)
  ON CONFLICT (job_id) DO NOTHING`;

async function verdictKind(sql: Sql, jobId: string): Promise<Verdict['kind']> {
  const { rows } = await sql.query<{ verdict: Verdict['kind'] }>(
    'SELECT verdict FROM performance_baselines WHERE job_id = $1',
    [jobId],
  );
  return rows[0]?.verdict ?? 'learning';
}

async function save(sql: Sql, jobId: string, state: BaselineState, verdict: Verdict | null): Promise<void> {
  const { averageMs, p50Ms, p95Ms, samples } = summaryOf(state);
  await sql.query(SAVE, [
    jobId,
    averageMs,
    p50Ms,
    p95Ms,
    samples,
    state.phase,
    verdict?.kind ?? (state.phase === 'learning' ? 'learning' : 'normal'),
    verdict?.sinceRun.id ?? null,
    verdict && new Date(verdict.sinceRun.startedAtMs),
    verdict?.ratio ?? null,
    verdict?.evidence ?? null,
    JSON.stringify(state),
  ]);
}

const SAVE = `UPDATE performance_baselines SET baseline_avg_ms = $2, baseline_p50_ms = $3, baseline_p95_ms = $4,
    sample_size = $5, phase = $6, verdict = $7, since_run_id = $8, since_at = $9, ratio = $10, evidence = $11, state = $12,
    updated_at = now()
  WHERE job_id = $1`;

const CHANGES = { accept, relearn } as const;

/**
 * Takes the present shift of a job as its new normal, or forgets what was learnt and learns anew.
 *
 * @param sql a transaction: the job's row stays locked until it ends
 * @returns false when nothing is known of the job
 */
export async function changeBaseline(sql: Sql, jobId: string, change: keyof typeof CHANGES): Promise<boolean> {
  const { rowCount } = await sql.query('SELECT 1 FROM performance_baselines WHERE job_id = $1 FOR UPDATE', [jobId]);
  if (rowCount === 0) return false;
  const state = await lockState(sql, jobId, '');
  if (state) await save(sql, jobId, CHANGES[change](state), null);
  return true;
}
