import { replaysWithdrawn } from '../dead-letters/replayed.ts';
import type { KeptSettings } from '../definition/registry.ts';
import { releaseKey } from '../ledger/ledger.ts';
import { asDatabase } from '../queue/open-queue.ts';
import { checkAgainstKept } from '../queue/check-input.ts';
import { putEvent, type Enqueued } from '../queue/enqueue.ts';
import { CONTROL_NOTICE, NOTIFY } from '../queue/notices.ts';
import { nextDue } from '../schedule/due.ts';
import type { Jobs } from '../start-jobs.ts';
import { audit, type Change } from './audit.ts';
import { NotPossible } from './not-possible.ts';

/** What changing jobs needs. */
export type Administered = Pick<Jobs, 'boss' | 'connections'>;

/** Keeps a job's events in the queue from now on; its schedule is not due meanwhile. Runs that go on are not touched. */
export async function pauseJob({ connections }: Administered, jobId: string, change: Change): Promise<void> {
  await connections.transaction(async (sql) => {
    const { rowCount } = await sql.query(
      'UPDATE job_definitions SET paused_at = coalesce(paused_at, now()), paused_by = $2, updated_at = now() WHERE job_id = $1',
      [jobId, change.actor],
    );
    if (rowCount === 0) throw unknownJob(jobId);
    await audit(sql, change, 'job.pause', `job:${jobId}`);
    await sql.query(NOTIFY, [CONTROL_NOTICE]);
  });
}

/** Lets a job's events run again. What the schedule missed meanwhile stays missed: that is what the pause was for. */
export async function resumeJob({ connections }: Administered, jobId: string, change: Change): Promise<void> {
  await connections.transaction(async (sql) => {
    const { rows } = await sql.query<{ settings: KeptSettings; now: Date; due: boolean }>(
      'SELECT settings, now() AS now, next_due_at IS NOT NULL AS due FROM job_definitions WHERE job_id = $1 FOR UPDATE',
      [jobId],
    );
    const [job] = rows;
    if (!job) throw unknownJob(jobId);
    const next = job.due && job.settings.schedule ? nextDue(job.settings.schedule, job.now) : null;
    await sql.query(
      'UPDATE job_definitions SET paused_at = NULL, paused_by = NULL, next_due_at = $2, expected_since = now(), updated_at = now() WHERE job_id = $1',
      [jobId, next],
    );
    await audit(sql, change, 'job.resume', `job:${jobId}`);
    await sql.query(NOTIFY, [CONTROL_NOTICE]);
  });
}

/**
 * Enqueues an event by hand; the input is checked against the schema that the job's service left in the database.
 *
 * @throws {InputRefused} when the input does not fit
 * @throws {NotPossible} when nothing here runs the job
 */
export async function runJobNow(
  { boss, connections }: Administered,
  jobId: string,
  input: unknown,
  change: Change,
): Promise<Enqueued> {
  return connections.transaction(async (sql) => {
    const { rows } = await sql.query<{ settings: KeptSettings; source: string }>(
      'SELECT settings, source FROM job_definitions WHERE job_id = $1',
      [jobId],
    );
    const [job] = rows;
    if (!job) throw unknownJob(jobId);
    if (job.source !== 'defined')
      throw new NotPossible('too late', `job "${jobId}" runs elsewhere and only reports here`);
    const given = input ?? job.settings.schedule?.input ?? {};
    const { eventId } = await putEvent(
      boss,
      sql,
      jobId,
      { input: checkAgainstKept(jobId, job.settings, given), trigger: 'manual' },
      {},
    );
    await audit(sql, change, 'job.run', `job:${jobId}`, { eventId });
    return { eventId, isDuplicate: false };
  });
}

/**
 * Takes an event that waits out of the queue, for good, or asks the run that works on it to stop.
 *
 * @returns `cancelled`, or `asked` when a run has to be stopped first
 */
export async function cancelEvent(
  { boss, connections }: Administered,
  jobId: string,
  eventId: string,
  change: Change,
): Promise<'cancelled' | 'asked'> {
  return connections.transaction(async (sql) => {
    const { rowCount } = await sql.query(ASK_TO_STOP, [eventId]);
    if (rowCount === 0) {
      const result = (await boss.cancel(jobId, eventId, { db: asDatabase(sql) })) as { affected: number };
      if (result.affected === 0) throw new NotPossible('too late', 'the event is over, or there is no such event');
      await releaseKey(sql, jobId, eventId);
      await replaysWithdrawn(sql, [eventId]);
    }
    await audit(sql, change, 'event.cancel', `job:${jobId}`, { eventId });
    return rowCount === 0 ? 'cancelled' : 'asked';
  });
}

const ASK_TO_STOP = `UPDATE job_runs SET cancel_requested_at = coalesce(cancel_requested_at, now())
  WHERE event_id = $1 AND status = 'RUNNING'`;

/** Asks a run to stop: its signal aborts within seconds, or its reporter is told so with the next answer. */
export async function cancelRun({ connections }: Administered, runId: string, change: Change): Promise<void> {
  await connections.transaction(async (sql) => {
    const { rows } = await sql.query<{ job_id: string }>(
      `UPDATE job_runs SET cancel_requested_at = coalesce(cancel_requested_at, now())
       WHERE id = $1 AND status = 'RUNNING' RETURNING job_id`,
      [runId],
    );
    const [run] = rows;
    if (!run) throw new NotPossible('too late', 'the run has ended, or there is no such run');
    await audit(sql, change, 'run.cancel', `job:${run.job_id}`, { runId });
  });
}

function unknownJob(jobId: string): NotPossible {
  return new NotPossible('unknown', `there is no job "${jobId}"`);
}
