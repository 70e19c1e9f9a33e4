import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupFailure, BackupProgress, OnProgress } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { safe } from '../terminal/style.ts';
import { failureDocument } from './document.ts';
import { sizeText } from './sizes.ts';

/** What a command is given while it runs. */
export interface Acting {
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

const LOCK_POLL_MS = 500;

/**
 * Runs a command on backups: shows how far it is, stops it when it is told to, and gives each class of failure its own
 * exit status.
 *
 * @param waitSeconds how long to wait for another one that works on the same database; it is refused by name otherwise
 */
export async function act(
  context: CliContext,
  asJson: boolean,
  work: (acting: Acting) => Promise<ExitCode>,
  waitSeconds = 0,
): Promise<ExitCode> {
  const abort = new AbortController();
  const forget = context.onInterrupt?.(() => abort.abort());
  try {
    const acting = { onProgress: shownProgress(context), signal: abort.signal };
    return await whenUnlocked(() => work(acting), acting, context, waitSeconds);
  } catch (error) {
    if (!isBackupFailure(error)) throw error;
    context.progress?.('');
    printFailure(error, asJson, context);
    return error.exitCode;
  } finally {
    context.progress?.('');
    forget?.();
  }
}

/** Tries again while another one holds the lock, until the time is over. */
async function whenUnlocked<T>(
  work: () => Promise<T>,
  { signal, onProgress }: Acting,
  { clock }: CliContext,
  waitSeconds: number,
): Promise<T> {
  const untilMs = clock.monotonicMs() + waitSeconds * 1000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isOver = clock.monotonicMs() >= untilMs || signal.aborted;
      if (!isBackupFailure(error) || error.reason !== 'locked' || isOver) throw error;
      onProgress({ phase: 'waiting', message: error.message });
      await sleep(LOCK_POLL_MS, undefined, { signal }).catch(() => {});
    }
  }
}

/** Prints why something failed, and what to do. */
export function printFailure(failure: BackupFailure, asJson: boolean, context: CliContext): void {
  const { message, reason, remedy } = failure;
  if (asJson) context.out(JSON.stringify({ failure: failureDocument(failure) }, null, 2));
  context.error(`error: ${safe(message)} (${reason})`);
  if (remedy !== undefined) context.error(`  → ${safe(remedy)}`);
}

const isBackupFailure = (error: unknown): error is BackupFailure =>
  error instanceof Error && error.name === 'BackupFailure';

const REDRAW_MS = 100;

function shownProgress(context: CliContext): OnProgress {
  let phase = '';
  let shownMs = -Infinity;
  return (progress) => {
    if (progress.isWarning && progress.message !== undefined) {
      context.progress?.('');
      context.error(`warning: ${safe(progress.message)}`);
    }
    const nowMs = context.clock.monotonicMs();
    if (progress.phase === phase && nowMs - shownMs < REDRAW_MS) return;
    phase = progress.phase;
    shownMs = nowMs;
    context.progress?.(progressLine(progress));
  };
}

function progressLine({ phase, done, total, unit, message }: BackupProgress): string {
  const show = (n: number): string => (unit === 'bytes' ? sizeText(n) : `${n}`);
  const of = total === undefined ? '' : ` of ${unit === 'bytes' ? 'about ' : ''}${show(total)}`;
  const units = unit === undefined || unit === 'bytes' ? '' : ` ${(total ?? done) === 1 ? unit.slice(0, -1) : unit}`;
  const far = done === undefined ? '' : ` ${show(done)}${of}${units}`;
  const what = message === undefined ? '' : ` ${safe(message)}`;
  return `${phase.replace('-', ' ')}:${far}${what}`;
}
