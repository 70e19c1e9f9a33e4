import type { BackupStorage, StoredBackup } from '@clearway/backups';

/**
 * The backup that a command names: by its id, or `latest` for the newest one of a database that is proven best.
 *
 * @throws BackupFailure `not-found`
 */
export async function findBackup(storage: BackupStorage, name: string, database?: string): Promise<StoredBackup> {
  const { BackupFailure, listBackups, readBackup } = await import('@clearway/backups');
  if (name !== 'latest') return readBackup(storage, name);
  const { backups } = await listBackups(storage);
  const candidates = backups.filter(
    ({ manifest }) =>
      manifest.purpose !== 'safety' && (database === undefined || manifest.source?.database === database),
  );
  const exact = candidates.findLast(({ verifications }) => verifications.state === 'exact');
  const found = exact ?? candidates.at(-1);
  if (found) return found;
  const of = database === undefined ? '' : ` of ${database}`;
  throw new BackupFailure('not-found', `${storage.location} holds no backup${of}`, {
    remedy: 'make one: clearway backup create',
  });
}
