import type { BackupStorage, StoredBackup } from '@clearway/backups';

/**
 * The backup that a command names: by its id, or `latest`.
 *
 * @param of `newest` is the newest one, `exact` the newest that is exact, if there is one
 * @throws BackupFailure `not-found`
 */
export async function findBackup(
  storage: BackupStorage,
  name: string,
  database: string | undefined,
  of: 'newest' | 'exact',
): Promise<StoredBackup> {
  const { BackupFailure, listBackups, readBackup } = await import('@clearway/backups');
  if (name !== 'latest') return readBackup(storage, name);
  const { backups, unreadable } = await listBackups(storage, Date.now());
  const candidates = backups.filter(
    ({ manifest }) =>
      manifest.purpose !== 'safety' && (database === undefined || manifest.source?.database === database),
  );
  const exact =
    of === 'newest' ? undefined : candidates.findLast(({ verifications }) => verifications.state === 'exact');
  const found = exact ?? candidates.at(-1);
  if (found) return found;
  const whose = database === undefined ? '' : ` of ${database}`;
  const others = [...new Set(backups.flatMap(({ manifest }) => manifest.source?.database ?? []))];
  const has = [
    ...(others.length > 0 ? [`it has some of ${others.join(', ')}`] : []),
    ...(unreadable.length > 0 ? [`${unreadable.length} cannot be read, see clearway backup list`] : []),
  ];
  throw new BackupFailure('not-found', `${storage.location} holds no backup${whose}`, {
    remedy: [...has, 'look elsewhere by --dir or --storage, or make one: clearway backup create'].join('; '),
  });
}
