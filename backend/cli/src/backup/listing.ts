import type { BackupFailure, BackupFailureReason, BackupStorage, UnreadableBackup } from '@clearway/backups';
import { count } from '../terminal/style.ts';
import { backupDocument, type BackupDocument } from './document.ts';

/** A backup whose manifest cannot be read. */
interface Unreadable extends Omit<UnreadableBackup, 'storage'> {
  readonly storage: string;
}

/** What storages hold, as far as it could be found out. */
export interface Listing {
  readonly backups: readonly BackupDocument[];
  readonly unreadable: readonly Unreadable[];
  /** Of storages that could not be asked. */
  readonly failures: readonly { readonly storage: string; readonly failure: BackupFailure }[];
}

/** Lists all storages. One that fails does not hide what the others hold, unless there are no others. */
export async function listAll(storages: readonly BackupStorage[], database: string | undefined): Promise<Listing> {
  const { asBackupFailure, isNamedAfter, listBackups } = await import('@clearway/backups');
  const listings = await Promise.all(
    storages.map(async (storage) => {
      try {
        return await listBackups(storage);
      } catch (error) {
        return { backups: [], unreadable: [], failed: { storage, failure: asBackupFailure(error, 'storage-failed') } };
      }
    }),
  );
  const failures = listings.flatMap((each) => ('failed' in each ? [each.failed] : []));
  if (failures[0] && failures.length === storages.length) throw failures[0].failure;
  return {
    backups: listings
      .flatMap((listing) => listing.backups.map(backupDocument))
      .filter((document) => database === undefined || document.database === database),
    unreadable: listings
      .flatMap((listing) => listing.unreadable)
      .filter(({ id }) => database === undefined || isNamedAfter(id, database))
      .map(({ id, storage, reason, problem }) => ({ id, storage: storage.id, reason, problem })),
    failures: failures.map(({ storage, failure }) => ({ storage: storage.id, failure })),
  };
}

const MOST_NAMED = 5;
const REMEDIES: readonly (readonly [BackupFailureReason, string])[] = [
  ['damaged', 'take the copy of another storage, or make a new backup: clearway backup create'],
  ['unsupported', 'read it with the version of Clearway that made it'],
];

/** Everything that kept something from being listed, one failure for each cause. */
export async function faultsOf({ unreadable, failures }: Listing): Promise<BackupFailure[]> {
  const { BackupFailure: Failure } = await import('@clearway/backups');
  const told = failures.map(({ storage, failure: { reason, message, remedy } }) => {
    return new Failure(reason, `${storage}: ${message}`, remedy === undefined ? {} : { remedy });
  });
  for (const [reason, remedy] of REMEDIES) {
    const ids = unreadable.flatMap((each) => (each.reason === reason ? [each.id] : []));
    if (ids.length === 0) continue;
    const shown = [...ids.slice(0, MOST_NAMED), ...(ids.length > MOST_NAMED ? ['…'] : [])].join(', ');
    told.push(new Failure(reason, `${count(ids.length, 'backup')} cannot be read: ${shown}`, { remedy }));
  }
  return told;
}
