import type { BackedUpDatabase } from '../configuration/open-backups.ts';
import { runDrill, type DrillResult } from '../drill/drill.ts';
import { writeDrillReport } from '../drill/report.ts';
import { failureEvent, type BackupEvent } from '../notices/backup-event.ts';
import { isToBeTold, orWait, tellSafely, type RoutineOptions } from './deps.ts';

/**
 * Rehearses the loss of a database by its rules, from each of its storages alone, and keeps the reports in the working
 * directory. One that fails does not keep the others from being rehearsed.
 */
export async function drillDatabase(
  database: BackedUpDatabase,
  workDirectory: string,
  options: RoutineOptions,
): Promise<DrillResult[]> {
  const { clock, onProgress, signal } = options;
  const { engine, policy, nameOnServer, identities } = database;
  const objectiveSeconds = policy.restoreObjectiveSeconds;
  const request = { engine, clock, database: nameOnServer, identities, objectiveSeconds, onProgress, signal };
  const results: DrillResult[] = [];
  for (const storage of database.storages) {
    const drilled = await orWait(options, () => runDrill({ ...request, storage }));
    await writeDrillReport(workDirectory, drilled.report);
    tellDrill(database.id, drilled, options);
    results.push(drilled);
  }
  return results;
}

function tellDrill(database: string, drilled: DrillResult, options: RoutineOptions): void {
  if (drilled.failure && !isToBeTold(drilled.failure, options)) return;
  tellSafely(options, drillEvent(database, drilled, options.clock.nowMs()));
}

/** The event of a drill. */
export function drillEvent(database: string, { report, failure }: DrillResult, nowMs: number): BackupEvent {
  const { backupId, restoreSeconds, objectiveSeconds, id, storage } = report;
  const facts = {
    drill: id,
    storage,
    ...(restoreSeconds !== null && { restoreSeconds }),
    ...(objectiveSeconds !== null && { objectiveSeconds }),
  };
  if (failure) return failureEvent('backup.drill_failed', database, failure, { nowMs, backupId, facts });
  return {
    type: 'backup.drill_passed',
    at: new Date(nowMs).toISOString(),
    severity: 'info',
    database,
    backupId,
    message: `the drill ${id} passed: ${backupId ?? 'the backup'} came back from ${storage} in ${(restoreSeconds ?? 0).toFixed(1)} s`,
    remedy: null,
    reason: null,
    facts,
  };
}
