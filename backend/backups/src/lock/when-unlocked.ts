import { setTimeout as sleep } from 'node:timers/promises';
import { asBackupFailure } from '../failures.ts';
import type { OnProgress } from '../progress.ts';

const LOOK_MS = 2000;

/** How long others are waited for, and who hears of it. */
export interface WaitOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does a piece of work as soon as nobody else has the lock that it takes, and says whom it waits for.
 *
 * @throws BackupFailure what the work throws besides `locked`; `interrupted`
 */
export async function whenUnlocked<T>(work: () => Promise<T>, options: WaitOptions): Promise<T> {
  const { onProgress, signal } = options;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const failure = asBackupFailure(error, 'storage-failed');
      if (failure.reason !== 'locked') throw error;
      onProgress?.({ phase: 'waiting', message: failure.message });
    }
    await pause(LOOK_MS, signal);
  }
}

/**
 * Waits a while for others.
 *
 * @throws BackupFailure `interrupted`
 */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    throw asBackupFailure(error, 'interrupted');
  });
}
