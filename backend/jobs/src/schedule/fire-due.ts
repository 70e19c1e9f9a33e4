import type { Connections, Sql } from '../queue/connections.ts';
import type { KeptSettings } from '../definition/registry.ts';
import type { ScheduleSettings } from '../definition/schedule-settings.ts';
import { lastDue, nextDue } from './due.ts';

const LARGEST_BATCH = 20;

/** Puts a run of a schedule into the queue, in the transaction that moves the schedule on. */
export type PutScheduled = (sql: Sql, jobId: string, schedule: ScheduleSettings, dueAt: Date) => Promise<unknown>;

interface DueRow {
  readonly job_id: string;
  readonly settings: KeptSettings;
  readonly now: Date;
}

/**
 * Enqueues what is due. Any number of processes may do so at once: the row of a schedule is locked while it is moved on,
 * and the event and the move are committed together, so a due time fires once however often and wherever this runs.
 *
 * The time is the database's. When nobody was there at the due time, or the clock jumped, the latest due time is made up
 * for, unless the schedule says that it is not worth it.
 *
 * @returns how many events were enqueued
 */
export async function fireDue(connections: Connections, put: PutScheduled): Promise<number> {
  return connections.transaction(async (sql) => {
    const { rows } = await sql.query<DueRow>(SELECT_DUE, [LARGEST_BATCH]);
    let fired = 0;
    for (const row of rows) fired += await fire(sql, row, put);
    return fired;
  });
}

const SELECT_DUE = `SELECT job_id, settings, now() AS now FROM job_definitions
  WHERE next_due_at <= now() AND paused_at IS NULL AND source = 'defined'
  ORDER BY next_due_at LIMIT $1 FOR UPDATE SKIP LOCKED`;

async function fire(sql: Sql, { job_id: jobId, settings, now }: DueRow, put: PutScheduled): Promise<number> {
  const { schedule } = settings;
  if (!schedule) return 0;
  const dueAt = lastDue(schedule, now);
  await sql.query('UPDATE job_definitions SET last_due_at = $2, next_due_at = $3 WHERE job_id = $1', [
    jobId,
    dueAt,
    nextDue(schedule, now),
  ]);
  const lateSeconds = (now.getTime() - dueAt.getTime()) / 1000;
  if (schedule.catchUp === 'none' && lateSeconds > schedule.graceSeconds) return 0;
  await put(sql, jobId, schedule, dueAt);
  return 1;
}
