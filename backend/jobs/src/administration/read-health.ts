import { readBaselines, type KeptBaseline } from '../baselines/read-baselines.ts';
import type { KeptSettings } from '../definition/registry.ts';
import { judge } from '../expectations/judge.ts';
import type { Expectation, HealthInput, JobHealth, JudgedRun } from '../expectations/types.ts';
import { DEFAULT_KEEP_DAYS } from '../maintenance.ts';
import type { Sql } from '../queue/connections.ts';

/** How far back the runs of a job are looked at. */
const LAST_RUNS = 50;
/** A run of ours gives signs of life every few seconds: after this it is silent. */
const SIGN_SECONDS = 60;
const DEFAULT_GRACE_SECONDS = 600;
const LEAST_SAMPLES = 10;
const DAY_MS = 86_400_000;

/** A job and how it stands. */
export interface JudgedJob extends JobHealth {
  readonly jobId: string;
  readonly isPaused: boolean;
}

/** What a reporter said of when its job runs. */
type Expected = Expectation & { readonly graceSeconds?: number | undefined };

interface DefinitionRow {
  readonly job_id: string;
  readonly source: string;
  readonly settings: Partial<KeptSettings> & { readonly expected?: Expected };
  readonly paused: boolean;
  readonly expected_since: Date;
  readonly next_due_at: Date | null;
  readonly now: Date;
}

interface RunRow {
  readonly job_id: string;
  readonly id: string;
  readonly status: JudgedRun['status'];
  readonly trigger: string;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly due_at: Date | null;
  readonly heartbeat_at: Date | null;
  readonly message: string | null;
}

/**
 * Judges every job by its schedule, its last runs, its runs that go on and its baseline, at the database's time.
 *
 * @param watchedSinceMs since when somebody looked without a gap: what was due before could not be started by anybody
 */
export async function readHealth(sql: Sql, watchedSinceMs: number): Promise<JudgedJob[]> {
  const { rows: definitions } = await sql.query<DefinitionRow>(DEFINITIONS);
  const { rows: runs } = await sql.query<RunRow>(RUNS, [LAST_RUNS]);
  const runsOf = Map.groupBy(runs, (run) => run.job_id);
  const baselines = new Map((await readBaselines(sql)).map((baseline) => [baseline.jobId, baseline]));
  return definitions.map((definition) => {
    const input = inputOf(definition, runsOf.get(definition.job_id) ?? [], baselines.get(definition.job_id));
    return { jobId: definition.job_id, isPaused: definition.paused, ...judge({ ...input, watchedSinceMs }) };
  });
}

function inputOf(definition: DefinitionRow, rows: readonly RunRow[], baseline: KeptBaseline | undefined): HealthInput {
  const { schedule } = definition.settings;
  const isReported = definition.source === 'reported';
  const ended = rows.filter((run) => run.ended_at !== null);
  const oldest = ended.at(-1);
  return {
    expectation: expectationOf(definition),
    graceSeconds: schedule?.graceSeconds ?? definition.settings.expected?.graceSeconds ?? DEFAULT_GRACE_SECONDS,
    runs: ended.map(judged),
    openRuns: rows.filter((run) => run.ended_at === null).map(judged),
    nowMs: definition.now.getTime(),
    sinceMs: definition.expected_since.getTime(),
    // older runs are forgotten, or were not read
    runsKnownSinceMs: Math.max(
      definition.now.getTime() - DEFAULT_KEEP_DAYS.runs * DAY_MS,
      ended.length === LAST_RUNS && oldest ? oldest.started_at.getTime() : 0,
    ),
    isPaused: definition.paused,
    isReported,
    ...(!isReported && { signSeconds: SIGN_SECONDS }),
    // before that, the durations of a handful of runs say little
    usual:
      baseline && baseline.sampleSize >= LEAST_SAMPLES
        ? {
            p95Ms: baseline.baselineP95Ms,
            verdict: baseline.verdict,
            evidence: baseline.evidence,
          }
        : undefined,
  };
}

/** A job that its service does not have any more is not due; what runs elsewhere is due as its reporter said. */
function expectationOf({ source, settings, next_due_at }: DefinitionRow): Expectation | null {
  if (source === 'reported') return settings.expected ?? null;
  return settings.schedule && next_due_at ? settings.schedule : null;
}

function judged(run: RunRow): JudgedRun {
  return {
    id: run.id,
    status: run.status,
    trigger: run.trigger,
    startedAtMs: run.started_at.getTime(),
    endedAtMs: run.ended_at?.getTime(),
    dueAtMs: run.due_at?.getTime(),
    heartbeatAtMs: run.heartbeat_at?.getTime(),
    errorMessage: run.message ?? undefined,
  };
}

const DEFINITIONS = `SELECT job_id, source, settings, paused_at IS NOT NULL AS paused, expected_since, next_due_at, now() AS now
  FROM job_definitions ORDER BY job_id`;

// of each job the last runs, and all that go on
const RUNS = `
  SELECT d.job_id, run.id, run.status, run.trigger, run.started_at, run.ended_at, run.due_at, run.heartbeat_at,
    run.error ->> 'message' AS message
  FROM job_definitions d CROSS JOIN LATERAL (
    (SELECT * FROM job_runs r WHERE r.job_id = d.job_id AND r.ended_at IS NOT NULL
     ORDER BY started_at DESC, id DESC LIMIT $1)
    UNION ALL
    (SELECT * FROM job_runs r WHERE r.job_id = d.job_id AND r.status = 'RUNNING' LIMIT $1)
  ) run
  ORDER BY run.started_at DESC, run.id DESC`;
