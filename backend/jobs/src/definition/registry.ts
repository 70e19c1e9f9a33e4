import { z } from 'zod';
import type { Sql } from '../queue/connections.ts';
import { nextDue } from '../schedule/due.ts';
import type { AnyJob } from './define-job.ts';
import type { ScheduleSettings } from './schedule-settings.ts';

/** What the database keeps of a definition. */
export interface KeptSettings {
  readonly timeoutMs: number;
  readonly retries: number;
  readonly concurrency: number;
  readonly exclusive: boolean;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  readonly schedule?: ScheduleSettings | undefined;
  /** JSON Schema of the input, when it can be said in it. */
  readonly input?: unknown;
}

/**
 * Makes the definitions of a service known to all others. A schedule that is new or changed is due from now on; one that
 * stayed as it was keeps what it missed meanwhile. Jobs that the service no longer has are retired: not due any more, and
 * not replayed.
 */
export async function register(sql: Sql, service: string, jobs: readonly AnyJob[]): Promise<void> {
  for (const job of jobs) await registerJob(sql, service, job);
  await sql.query(
    `UPDATE job_definitions SET next_due_at = NULL, retired_at = now(), updated_at = now()
     WHERE service = $1 AND source = 'defined' AND retired_at IS NULL AND NOT job_id = ANY ($2)`,
    [service, jobs.map((job) => job.settings.id)],
  );
}

async function registerJob(sql: Sql, service: string, job: AnyJob): Promise<void> {
  const { id, description, ...rest } = job.settings;
  const settings: KeptSettings = { ...rest, input: jsonSchemaOf(job) };
  const { rows } = await sql.query<{ now: Date }>('SELECT now() AS now');
  const next = rest.schedule && nextDue(rest.schedule, rows[0]?.now ?? new Date());
  await sql.query(REGISTER, [id, description ?? null, service, JSON.stringify(settings), next ?? null]);
}

const REGISTER = `
  INSERT INTO job_definitions AS d (job_id, description, source, service, settings, next_due_at, updated_at)
  VALUES ($1, $2, 'defined', $3, $4, $5, now())
  ON CONFLICT (job_id) DO UPDATE SET
    description = excluded.description, source = 'defined', service = excluded.service, settings = excluded.settings,
    updated_at = now(), retired_at = NULL,
    next_due_at = CASE
      WHEN excluded.next_due_at IS NULL THEN NULL
      WHEN d.next_due_at IS NOT NULL
        AND d.settings #> '{schedule,cron}' = excluded.settings #> '{schedule,cron}'
        AND d.settings #> '{schedule,timeZone}' = excluded.settings #> '{schedule,timeZone}' THEN d.next_due_at
      ELSE excluded.next_due_at END`;

function jsonSchemaOf(job: AnyJob): unknown {
  try {
    return z.toJSONSchema(job.input, { unrepresentable: 'any', io: 'input' });
  } catch {
    return undefined;
  }
}

/** The jobs that are paused. */
export async function pausedJobs(sql: Sql): Promise<Set<string>> {
  const { rows } = await sql.query<{ job_id: string }>(
    'SELECT job_id FROM job_definitions WHERE paused_at IS NOT NULL',
  );
  return new Set(rows.map((row) => row.job_id));
}
