import type { PgBoss } from 'pg-boss';
import type { PutScheduled } from '../schedule/fire-due.ts';
import { putEvent } from './enqueue.ts';

/** Enqueues runs of a schedule. Their input was checked when the job was defined. */
export function putScheduled(boss: PgBoss): PutScheduled {
  return (sql, jobId, schedule, dueAt) =>
    putEvent(boss, sql, jobId, { input: schedule.input, trigger: 'schedule', dueAt: dueAt.toISOString() }, {});
}
