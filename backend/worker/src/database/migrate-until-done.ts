import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@clearway/kernel';

/** What becomes of the tries. */
export interface MigrationLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
}

const BASE_MS = 500;
const MAX_MS = 10_000;

/**
 * Migrates, and tries again for as long as the database is down or refuses.
 *
 * @param migrate resolves to the names of the migrations that were applied
 * @param signal gives up, without an error
 * @returns whether the database is migrated
 */
export async function migrateUntilDone(
  migrate: () => Promise<readonly string[]>,
  options: { log: MigrationLog; signal: AbortSignal },
): Promise<boolean> {
  const { log, signal } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      const applied = await migrate();
      log.info('the database is up to date', { applied: applied.length, attempt });
      return true;
    } catch (error) {
      const waitMs = backoffMs(attempt, { baseMs: BASE_MS, maxMs: MAX_MS });
      log.warn('the database cannot be migrated yet', { error, attempt, wait_ms: waitMs });
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return false;
}
