import { asBackupFailure, type OnProgress } from '@clearway/backups';
import { PermanentFailure, type JobContext } from '@clearway/jobs';
import type { BackupWork, BackupWorkKind } from '../backups/backup-work.ts';

/** Failures that another try may not meet again: the rest waits for a person. */
const PASSING = new Set(['unreachable', 'locked', 'storage-failed', 'dump-failed', 'interrupted']);

/** The clocks of the queue and of this machine differ. */
const EARLY_MS = 60_000;

/** A run of one of the jobs. */
interface BackupRun {
  readonly context: JobContext;
  readonly retries: number;
  /** When a scheduler from outside asked for it. */
  readonly askedAt?: string | undefined;
}

/** Does a piece of work with the backups of a database. A failure is told when no further try follows. */
export async function runBackupWork(
  work: BackupWork,
  kind: BackupWorkKind,
  database: string,
  { context, retries, askedAt }: BackupRun,
): Promise<{ outcome: string }> {
  try {
    const outcome = await work.run(kind, database, {
      signal: context.signal,
      sinceMs: sinceOf(context, askedAt),
      waitsForOthers: true,
      onProgress: progressOf(context),
      isTold: ({ reason }) => context.attempt > retries || !PASSING.has(reason),
    });
    context.log.info(outcome, { database });
    return { outcome };
  } catch (error) {
    const failure = asBackupFailure(error, 'dump-failed');
    context.log.error(failure.message, { database, reason: failure.reason, remedy: failure.remedy });
    if (PASSING.has(failure.reason)) throw failure;
    throw new PermanentFailure(failure.message, { cause: failure });
  }
}

/** Since when what others have done counts as what is to be done; never, for a person who asks. */
function sinceOf({ dueAt }: JobContext, askedAt: string | undefined): number | undefined {
  if (dueAt) return dueAt.getTime() - EARLY_MS;
  return askedAt === undefined ? undefined : Date.parse(askedAt);
}

function progressOf({ progress, log }: JobContext): OnProgress {
  return ({ phase, done, total, message, isWarning }) => {
    if (isWarning && message !== undefined) log.warn(message);
    if (done !== undefined && total !== undefined) progress(done, total, phase);
  };
}
