import type { BackupFailure, BackupStorage, StoredBackup } from '@clearway/backups';
import type { CliContext } from '../context.ts';
import { findBackup } from './find.ts';
import { openBackups, type BackupSetup, type PlaceOptions } from './setup.ts';

/** What `--storage` says to take every one in turn; no storage can have this id. */
const ALL = 'all';

/** Where something is to be done: in one storage, or in each where the database has its copies. */
export interface Places extends BackupSetup {
  readonly isAll: boolean;
  readonly places: readonly BackupStorage[];
}

/**
 * Opens engine and storages as `openBackups` does, and takes `--storage all` for all of the database, or all there are where
 * clearway.yaml says nothing of it.
 *
 * @throws UsageError
 */
export async function openPlaces(context: CliContext, options: PlaceOptions): Promise<Places> {
  const isAll = options.storage === ALL;
  const setup = await openBackups(context, { ...options, storage: isAll ? undefined : options.storage });
  const { entry, storage, copies, storages } = setup;
  if (!isAll) return { ...setup, isAll, places: [storage] };
  return { ...setup, isAll, places: entry ? [storage, ...copies] : storages };
}

/** A copy, or why there is none. */
export type FoundCopy =
  | { readonly storage: BackupStorage; readonly backup: StoredBackup }
  | { readonly storage: BackupStorage; readonly failure: BackupFailure };

/**
 * The copies of one backup. A storage that should hold one and does not is told as a failure.
 *
 * @param name its id, or `latest` for the newest that any of them holds
 * @throws BackupFailure when none holds it
 */
export async function findCopies({ places, entry, databaseName }: Places, name: string): Promise<FoundCopy[]> {
  const { asBackupFailure, readBackup } = await import('@clearway/backups');
  const id = name === 'latest' ? await newestId(places, databaseName) : name;
  const copies = await Promise.all(
    places.map(async (storage): Promise<FoundCopy> => {
      try {
        return { storage, backup: await readBackup(storage, id) };
      } catch (error) {
        return { storage, failure: asBackupFailure(error, 'storage-failed') };
      }
    }),
  );
  const [first] = copies;
  if (first && 'failure' in first && copies.every((copy) => 'failure' in copy)) throw first.failure;
  return entry ? copies : copies.filter((copy) => 'backup' in copy || copy.failure.reason !== 'not-found');
}

async function newestId(places: readonly BackupStorage[], database: string | undefined): Promise<string> {
  const looked = await Promise.allSettled(places.map((storage) => findBackup(storage, 'latest', database, 'newest')));
  const ids = looked.flatMap((each) => (each.status === 'fulfilled' ? [each.value.id] : []));
  const newest = ids.sort().at(-1);
  const wrong = looked.find((each) => each.status === 'rejected');
  if (newest === undefined) throw wrong?.reason;
  return newest;
}
