import type { BackedUpDatabase } from '../configuration/open-backups.ts';
import { runDrill, type DrillResult } from '../drill/drill.ts';
import { writeDrillReport } from '../drill/report.ts';
import { failureEvent } from '../notices/backup-event.ts';
import { isToBeTold, tellSafely, type RoutineOptions } from './deps.ts';

/** Rehearses the loss of a database by its rules, and keeps the report in the working directory. */
export async function drillDatabase(
  database: BackedUpDatabase,
  workDirectory: string,
  options: RoutineOptions,
): Promise<DrillResult> {
  const { clock, onProgress, signal } = options;
  const { engine, storages, policy, nameOnServer, identities } = database;
  const drilled = await runDrill({
    engine,
    storage: storages[0],
    clock,
    database: nameOnServer,
    identities,
    objectiveSeconds: policy.restoreObjectiveSeconds,
    onProgress,
    signal,
  });
  await writeDrillReport(workDirectory, drilled.report);
  tellDrill(database.id, drilled, options);
  return drilled;
}

function tellDrill(database: string, { report, failure }: DrillResult, options: RoutineOptions): void {
  const { backupId, restoreSeconds, objectiveSeconds, id } = report;
  const facts = {
    drill: id,
    ...(restoreSeconds !== null && { restoreSeconds }),
    ...(objectiveSeconds !== null && { objectiveSeconds }),
  };
  const nowMs = options.clock.nowMs();
  if (failure) {
    const event = failureEvent('backup.drill_failed', database, failure, { nowMs, backupId, facts });
    if (isToBeTold(failure, options)) tellSafely(options, event);
    return;
  }
  tellSafely(options, {
    type: 'backup.drill_passed',
    at: new Date(nowMs).toISOString(),
    severity: 'info',
    database,
    backupId,
    message: `the drill ${id} passed: ${backupId ?? 'the backup'} came back in ${(restoreSeconds ?? 0).toFixed(1)} s`,
    remedy: null,
    reason: null,
    facts,
  });
}
