import { backupCronSchema, type BackupCron } from '@clearway/contracts';
import { listJobs, runJobNow, type Jobs } from '@clearway/jobs';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { JobsPort } from '../jobs/jobs-port.ts';
import { jsonAnswer, problemAnswer } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { sendProblem } from '../operations/problems.ts';
import { validated } from '../operations/validated.ts';
import { backupJobId } from '../schedule.ts';
import { BACKUP_WORK, type BackupWork, type BackupWorkKind } from './backup-work.ts';

const querySchema = z.strictObject({
  work: z.enum(BACKUP_WORK).default('create').meta({ description: 'What is to be done.' }),
  database: z.string().max(63).optional().meta({ description: 'Of which database; of all when it is missing.' }),
});

/** What the operation works with. */
export interface BackupCronOptions {
  readonly work: BackupWork;
  readonly jobs: JobsPort;
  /** Aborts at the end of the process. */
  readonly signal: AbortSignal;
  readonly log: { readonly error: (message: string, fields?: object) => unknown };
}

/**
 * `/api/cron/backup`, for schedulers from outside: enqueues the work, one at a time for each database. Without the queue,
 * since Clearway's database does not answer, the work is started in this process: a backup matters most then.
 */
export function backupCronOperations(options: BackupCronOptions): Operation[] {
  const asking = new Map<string, Promise<BackupCron['databases'][number]>>();
  const handle = async (req: Request, res: Response): Promise<void> => {
    const query = validated(querySchema, req.query, res);
    if (!query) return;
    const { work: kind, database } = query;
    const known = options.work.backups.databases.map(({ id }) => id);
    if (database !== undefined && !known.includes(database)) {
      const detail = `There are backups of: ${known.join(', ')}.`;
      return sendProblem(res, 'route_not_found', { title: 'There is no such database', detail });
    }
    const databases = await Promise.all(
      (database === undefined ? known : [database]).map((id) => {
        const key = `${kind} ${id}`;
        // two callers at the same moment begin one piece of work
        const asked = asking.get(key) ?? begin(kind, id, options).finally(() => asking.delete(key));
        asking.set(key, asked);
        return asked;
      }),
    );
    if (databases.length > 0 && databases.every(({ status }) => status === 'under_way')) {
      const detail = `${kind} is under way for ${databases.map((each) => each.database).join(', ')}.`;
      const remedy = 'GET /api/jobs tells how far it is.';
      return sendProblem(res, 'request_invalid', { status: 409, title: 'It is under way already', detail, remedy });
    }
    res.status(202).json({ work: kind, databases });
  };
  const documentation = {
    summary: 'Makes, proves, rehearses or prunes backups now',
    description: 'Enqueues and does not wait: GET /api/backups tells what came of it.',
    tags: ['backups'],
    requestParams: { query: querySchema },
    responses: {
      '202': jsonAnswer('What was enqueued.', backupCronSchema),
      '401': problemAnswer('No secret, or another one.'),
      '403': problemAnswer('There is no CRON_SECRET.'),
      '404': problemAnswer('No database has that id.'),
      '409': problemAnswer('It is under way for all of them.'),
    },
  };
  return (['get', 'post'] as const).map((method) => ({
    method,
    path: '/api/cron/backup',
    access: 'scheduler',
    recorded: true,
    documentation,
    handle,
  }));
}

async function begin(
  kind: BackupWorkKind,
  database: string,
  { work, jobs, signal, log }: BackupCronOptions,
): Promise<BackupCron['databases'][number]> {
  if (work.isUnderWay(kind, database)) return { database, status: 'under_way' };
  const current = jobs.current();
  if (current) {
    const enqueued = await enqueue(current, kind, database).catch(() => undefined);
    if (enqueued) return enqueued;
  }
  work
    .run(kind, database, { signal, isTold: ({ reason }) => reason !== 'locked' })
    .catch((error: unknown) => log.error('a backup failed', { database, work: kind, error }));
  return { database, status: 'started' };
}

async function enqueue(jobs: Jobs, kind: BackupWorkKind, database: string): Promise<BackupCron['databases'][number]> {
  const jobId = backupJobId(kind, database);
  const [job] = await listJobs(jobs.connections, jobId);
  const { ready = 0, active = 0 } = job?.queue ?? {};
  if (ready + active > 0) return { database, status: 'under_way' };
  const change = { actor: 'scheduler', reason: '/api/cron/backup' };
  // of two workers that are asked at the same moment, the second one takes what the first one makes
  const { eventId } = await runJobNow(jobs, jobId, { askedAt: new Date().toISOString() }, change);
  return { database, status: 'enqueued', eventId };
}
