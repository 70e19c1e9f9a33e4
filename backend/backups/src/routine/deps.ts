import type { Clock } from '@clearway/kernel';
import type { BackupFailure } from '../failures.ts';
import { whenUnlocked } from '../lock/when-unlocked.ts';
import type { TellBackupEvent } from '../notices/backup-event.ts';
import type { OnProgress } from '../progress.ts';

/** What every piece of the routine is given. */
export interface RoutineOptions {
  readonly clock: Clock;
  /** Hears what came of it. */
  readonly tell?: TellBackupEvent | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What somebody else has done since then need not be done again. */
  readonly sinceMs?: number | undefined;
  /** Waits for others that are at the same, instead of failing with `locked`. */
  readonly waitsForOthers?: boolean | undefined;
  /** Whether a failure is to be told: not so while another try follows. All are, without it. */
  readonly isTold?: ((failure: BackupFailure) => boolean) | undefined;
}

/** Waits for others if it is to. */
export const orWait = <T>(options: RoutineOptions, work: () => Promise<T>): Promise<T> =>
  options.waitsForOthers ? whenUnlocked(work, options) : work();

/** An observer cannot break what it observes. */
export function tellSafely({ tell }: RoutineOptions, ...[event]: Parameters<TellBackupEvent>): void {
  try {
    void Promise.resolve(tell?.(event)).catch(() => {});
  } catch {
    // nobody's concern
  }
}

/** Somebody who stopped it knows that it did not happen. */
export const isToBeTold = (failure: BackupFailure, { isTold }: RoutineOptions): boolean =>
  failure.reason !== 'interrupted' && (isTold?.(failure) ?? true);
