import type { Job } from '@clearway/contracts';
import type { Sql } from '../queue/connections.ts';
import { QUEUE_SCHEMA } from '../queue/open-queue.ts';

/**
 * All jobs with how they stand. What waits is read from the figures that the queue keeps of itself every few seconds, so
 * the answer costs the same for ten events and for a million.
 *
 * @param jobId only this one
 */
export async function listJobs(sql: Sql, jobId?: string): Promise<Job[]> {
  const { rows } = await sql.query<JobRow>(LIST_JOBS, [jobId ?? null]);
  return rows.map(({ deadLetters, ready, deferred, active, countedAt, ...job }) => ({
    ...job,
    pausedAt: isoOf(job.pausedAt),
    nextDueAt: isoOf(job.nextDueAt),
    lastDueAt: isoOf(job.lastDueAt),
    deadLetters: Number(deadLetters),
    queue: countedAt && { ready, deferred, active, at: countedAt.toISOString() },
  }));
}

/** A time as text. */
export function isoOf(time: Date | null): string | null {
  return time && time.toISOString();
}

interface JobRow extends Omit<Job, 'pausedAt' | 'nextDueAt' | 'lastDueAt' | 'deadLetters' | 'queue'> {
  readonly pausedAt: Date | null;
  readonly nextDueAt: Date | null;
  readonly lastDueAt: Date | null;
  readonly deadLetters: string;
  readonly ready: number;
  readonly deferred: number;
  readonly active: number;
  readonly countedAt: Date | null;
}

const LIST_JOBS = `
  SELECT d.job_id AS "jobId", d.description, d.source, d.service, d.settings, d.paused_at AS "pausedAt",
    d.paused_by AS "pausedBy", d.next_due_at AS "nextDueAt", d.last_due_at AS "lastDueAt",
    greatest(0, q.queued_count - q.deferred_count) AS ready, q.deferred_count AS deferred, q.active_count AS active,
    coalesce(q.monitor_on, q.updated_on) AS "countedAt",
    (SELECT coalesce(sum(pending), 0) FROM dead_letter_groups dead WHERE dead.job_id = d.job_id) AS "deadLetters"
  FROM job_definitions d LEFT JOIN ${QUEUE_SCHEMA}.queue q ON q.name = d.job_id
  WHERE $1::text IS NULL OR d.job_id = $1
  ORDER BY d.job_id`;
