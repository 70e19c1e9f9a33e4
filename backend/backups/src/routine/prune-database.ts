import type { BackedUpDatabase } from '../configuration/open-backups.ts';
import { failureEvent } from '../notices/backup-event.ts';
import { pruneBackups, type PruneResult } from '../retention/prune.ts';
import { isToBeTold, tellSafely, type RoutineOptions } from './deps.ts';

/** Removes what the rules of a database do not keep, in each of its storages. */
export async function pruneDatabase(
  database: BackedUpDatabase,
  workDirectory: string,
  options: RoutineOptions,
): Promise<PruneResult> {
  const { clock, signal } = options;
  const { storages, policy, nameOnServer } = database;
  const pruned = await pruneBackups({
    storages,
    policy: policy.retention,
    database: nameOnServer,
    clock,
    workDirectory,
    signal,
  });
  for (const failure of pruneFailures(pruned)) {
    const event = failureEvent('backup.prune_failed', database.id, failure, { nowMs: clock.nowMs() });
    if (isToBeTold(failure, options)) tellSafely(options, { ...event, severity: 'warning' });
  }
  return pruned;
}

/** What kept the plan from being carried out. */
export function pruneFailures({ storages }: PruneResult) {
  return storages.flatMap(({ failure, databases }) => [
    ...(failure ? [failure] : []),
    ...databases.flatMap((database) => database.failure ?? []),
  ]);
}
