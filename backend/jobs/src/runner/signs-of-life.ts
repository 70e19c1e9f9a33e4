import type { PgBoss } from 'pg-boss';
import type { Connections } from '../queue/connections.ts';
import { asDatabase } from '../queue/open-queue.ts';
import type { ActiveRun } from './active-run.ts';

/** The runs of this process, and what tells the others that they go on. */
export interface SignsOfLife {
  readonly active: ReadonlySet<ActiveRun>;
  add(run: ActiveRun): void;
  delete(run: ActiveRun): void;
  /** Tells once, now. */
  tell(): Promise<void>;
  stop(): void;
}

/** What telling needs. */
export interface SignsOfLifeOptions {
  readonly boss: PgBoss;
  readonly connections: Connections;
  readonly intervalMs: number;
  readonly onProblem: (error: Error) => void;
}

/**
 * Tells the database every few seconds which runs go on, with their progress and their newest log lines, and learns
 * which of them are to be cancelled. One statement for all runs and one for each queue, however many runs there are.
 */
export function signsOfLife(options: SignsOfLifeOptions): SignsOfLife {
  const active = new Set<ActiveRun>();
  let telling: Promise<void> | undefined;
  const tell = (): Promise<void> =>
    (telling ??= tellOf([...active], options)
      .catch(options.onProblem)
      .finally(() => (telling = undefined)));
  const timer = setInterval(() => void tell(), options.intervalMs);
  return {
    active,
    add: (run) => void active.add(run),
    delete: (run) => void active.delete(run),
    tell,
    stop: () => clearInterval(timer),
  };
}

async function tellOf(runs: readonly ActiveRun[], { boss, connections }: SignsOfLifeOptions): Promise<void> {
  if (runs.length === 0) return;
  for (const [jobId, ofJob] of Map.groupBy(runs, (run) => run.jobId)) {
    await boss.touch(
      jobId,
      ofJob.map((run) => run.eventId),
      { db: asDatabase(connections) },
    );
  }
  const states = runs.map((run) => ({
    id: run.runId,
    progress: run.changedProgressJson(),
    logs: run.lines.changedJson(),
  }));
  const { rows } = await connections.query<{ id: string; status: string; cancel: boolean }>(TELL, [
    JSON.stringify(states),
  ]);
  const answers = new Map(rows.map((row) => [row.id, row]));
  for (const run of runs) {
    const answer = answers.get(run.runId);
    // not yet written down, or long gone: only an answer counts
    if (answer?.cancel) run.stop('cancelled');
    if (answer && answer.status !== 'RUNNING') run.stop('superseded');
  }
}

const TELL = `
  WITH said AS (
    SELECT * FROM json_to_recordset($1::json) AS said (id uuid, progress text, logs text)
  ), told AS (
    UPDATE job_runs run
    SET heartbeat_at = now(), progress = coalesce(said.progress::jsonb, run.progress),
        logs = coalesce(said.logs::jsonb, run.logs)
    FROM said WHERE run.id = said.id AND run.status = 'RUNNING'
  )
  SELECT run.id, run.status, run.cancel_requested_at IS NOT NULL AS cancel FROM job_runs run JOIN said USING (id)`;
