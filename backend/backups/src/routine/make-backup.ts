import type { BackedUpDatabase } from '../configuration/open-backups.ts';
import type { CreatedBackup } from '../engine/engine.ts';
import { asBackupFailure } from '../failures.ts';
import { failureEvent, type BackupEvent } from '../notices/backup-event.ts';
import { isToBeTold, orWait, tellSafely, type RoutineOptions } from './deps.ts';

/**
 * Makes a backup of a database by its rules, in all its storages, and reads it there once; unless somebody else did since the
 * moment that the options name.
 *
 * @throws BackupFailure when no storage has a good copy
 */
export async function makeBackup(database: BackedUpDatabase, options: RoutineOptions): Promise<CreatedBackup> {
  const { clock, onProgress, signal } = options;
  const { engine, policy, storages } = database;
  const [storage, ...copies] = storages;
  try {
    // without the key it is read by its hash; that the key is missing must not cost a backup
    const identities = await database.identities().catch(() => []);
    const made = await orWait(options, () =>
      engine.create({
        connectionString: database.connectionString(),
        storage,
        copies,
        format: policy.format,
        compression: policy.compression,
        recipients: policy.recipients,
        identities,
        unlessMadeSinceMs: options.sinceMs,
        onProgress,
        signal,
      }),
    );
    if (!made.isEarlier) tellSafely(options, madeEvent(database.id, made, clock.nowMs()));
    return made;
  } catch (error) {
    const failure = asBackupFailure(error, 'dump-failed');
    const event = failureEvent('backup.failed', database.id, failure, { nowMs: clock.nowMs() });
    if (isToBeTold(failure, options)) tellSafely(options, event);
    throw failure;
  }
}

/** The event of a backup that was made. */
export function madeEvent(
  database: string,
  { id, manifest, verifications, copies }: CreatedBackup,
  nowMs: number,
): BackupEvent {
  const missing = copies.filter(({ failure }) => failure);
  const sizeBytes = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const where = copies.filter(({ failure }) => !failure).map(({ storage }) => storage.id);
  const [first] = missing;
  const lost = missing.map(({ storage, failure }) => `${storage.id}: ${failure?.message}`).join('; ');
  return {
    type: 'backup.made',
    at: new Date(nowMs).toISOString(),
    severity: first ? 'warning' : 'info',
    database,
    backupId: id,
    message: first
      ? `${id} was made, and has no good copy in ${lost}`
      : `${id} was made and read once: ${where.join(', ')}`,
    remedy: first?.failure?.remedy ?? null,
    reason: first?.failure?.reason ?? null,
    facts: {
      state: verifications.state,
      sizeBytes,
      durationSeconds: manifest.durationSeconds,
      tables: manifest.content?.tables.length ?? 0,
      storages: where.join(', '),
    },
  };
}
