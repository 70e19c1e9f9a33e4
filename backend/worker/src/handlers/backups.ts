import { asBackupFailure, type OnProgress } from '@clearway/backups';
import { PermanentFailure, type JobContext } from '@clearway/jobs';
import type { BackupWork, BackupWorkKind } from '../backups/backup-work.ts';

/** Failures that another try may not meet again: the rest waits for a person. */
const PASSING = new Set(['unreachable', 'locked', 'storage-failed', 'dump-failed', 'interrupted']);

/** Does a piece of work with the backups of a database. A failure is told when no further try follows. */
export async function runBackupWork(
  work: BackupWork,
  kind: BackupWorkKind,
  database: string,
  { context, retries }: { readonly context: JobContext; readonly retries: number },
): Promise<{ outcome: string }> {
  try {
    const outcome = await work.run(kind, database, {
      signal: context.signal,
      dueAtMs: context.dueAt?.getTime(),
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

function progressOf({ progress, log }: JobContext): OnProgress {
  return ({ phase, done, total, message, isWarning }) => {
    if (isWarning && message !== undefined) log.warn(message);
    if (done !== undefined && total !== undefined) progress(done, total, phase);
  };
}
