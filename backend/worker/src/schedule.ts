import { defineJob, type AnyJob, type Connections } from '@clearway/jobs';
import { z } from 'zod';
import { BACKUP_WORK, type BackupWork, type BackupWorkKind } from './backups/backup-work.ts';
import { runBackupWork } from './handlers/backups.ts';
import { pruneJobHistory } from './handlers/prune-job-history.ts';

/** What the worker's own jobs work with; there when a job runs, not yet when it is defined. */
export interface ScheduleDependencies {
  readonly connections: () => Connections;
  readonly backups: BackupWork;
}

const nothing = z.strictObject({});
/** `askedAt`: when a scheduler from outside asked for it; what was begun since then is what it asked for. */
const backupInput = z.strictObject({ askedAt: z.iso.datetime().optional() });
const MINUTE_MS = 60_000;

/** THE table: everything that the worker runs by the clock and that may wait; what, when, and for how long at most. */
export function schedule({ connections, backups }: ScheduleDependencies): AnyJob[] {
  return [
    defineJob({
      id: 'prune-job-history',
      description: 'Deletes runs, keys and audit entries that are older than they are kept.',
      schedule: { cron: '10 3 * * *', timeZone: 'UTC', graceSeconds: 3600 },
      timeoutMs: 30 * MINUTE_MS,
      exclusive: true,
      input: nothing,
      run: (_input, context) => pruneJobHistory(connections(), context),
    }),
    ...backups.backups.databases.flatMap(({ id }) => BACKUP_WORK.map((kind) => backupJob(kind, id, backups))),
  ];
}

const BACKUP_JOBS = {
  create: { hours: 6, retries: 2, graceSeconds: 3600, what: 'Makes a backup of' },
  prove: { hours: 12, retries: 1, graceSeconds: 3600, what: 'Restores the newest backup and compares it, of' },
  drill: { hours: 12, retries: 0, graceSeconds: 24 * 3600, what: 'Rehearses the loss of' },
  prune: {
    hours: 1,
    retries: 1,
    graceSeconds: 24 * 3600,
    what: 'Removes the backups that retention does not keep, of',
  },
} as const;
/** After proving, so that what was proven in the night counts. */
const PRUNE_CRON = '30 5 * * *';
const NEVER = 'never';

/** Name of the job that does a piece of work with the backups of a database. */
export const backupJobId = (kind: BackupWorkKind, database: string): string => `backup-${kind}-${database}`;

function backupJob(kind: BackupWorkKind, database: string, work: BackupWork): AnyJob {
  const { policy } = work.backups.database(database);
  const { hours, retries, graceSeconds, what } = BACKUP_JOBS[kind];
  const crons = {
    create: policy.schedule,
    prove: policy.verify.schedule,
    drill: policy.drill.schedule,
    prune: PRUNE_CRON,
  };
  const cron = crons[kind];
  return defineJob({
    id: backupJobId(kind, database),
    description: `${what} the database ${database}.`,
    ...(cron !== NEVER && { schedule: { cron, timeZone: 'UTC', graceSeconds } }),
    timeoutMs: hours * 60 * MINUTE_MS,
    retries,
    backoff: { minMs: MINUTE_MS, maxMs: 15 * MINUTE_MS },
    exclusive: true,
    input: backupInput,
    run: ({ askedAt }, context) => runBackupWork(work, kind, database, { context, retries, askedAt }),
  });
}
