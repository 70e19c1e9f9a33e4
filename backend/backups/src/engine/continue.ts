import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '@clearway/kernel';
import { readBackup } from '../catalogue/catalogue.ts';
import { isAhead } from '../catalogue/ahead.ts';
import { nameOfBackupId, timeOfBackupId } from '../catalogue/id.ts';
import { asBackupFailure } from '../failures.ts';
import { withStorageLock } from '../lock/storage-lock.ts';
import { readManifest } from '../manifest/document.ts';
import { directoryLocks } from '../storage/directory-locks.ts';
import { MANIFEST_FILE, type BackupStorage } from '../storage/storage.ts';
import { listPending, removePending, sweep, type PendingBackup } from './staging.ts';
import { copyBackup, storeCopies, type StoreOptions } from './store-copies.ts';

/** How many backups are copied after, at most, to a storage that has fallen behind. */
const MOST_BEHIND = 3;

/**
 * Does what a run before this one could not: stores backups that are whole and that no storage took, and copies those that
 * a storage lacks since it was down. What fails again is said and does not stop the new backup.
 *
 * @param name that of the database in ids
 */
export async function continueStoring(
  name: string,
  storages: readonly BackupStorage[],
  options: StoreOptions & { readonly clock: Clock; readonly workDirectory: string },
): Promise<void> {
  await orWarn(options, () => storePending(storages, options));
  const [first, ...others] = storages;
  for (const storage of others) await orWarn(options, () => catchUp(name, first as BackupStorage, storage, options));
}

async function storePending(
  storages: readonly BackupStorage[],
  options: StoreOptions & { readonly clock: Clock; readonly workDirectory: string },
): Promise<void> {
  const { clock, workDirectory } = options;
  await sweep(workDirectory, clock.nowMs());
  if ((await listPending(workDirectory)).length === 0) return;
  const place = { id: 'the working directory', locks: directoryLocks(path.join(workDirectory, '.locks')) };
  await withStorageLock(place, { database: 'pending', what: 'storing what is left', clock }, async () => {
    for (const pending of await listPending(workDirectory)) await storeOne(pending, storages, options);
  });
}

async function storeOne(
  { id, folder, storages: wanted }: PendingBackup,
  storages: readonly BackupStorage[],
  options: StoreOptions & { readonly workDirectory: string },
): Promise<void> {
  const meant = storages.filter((storage) => wanted.includes(storage.id));
  if (meant.length === 0) return;
  const manifest = readManifest(await readFile(path.join(folder, MANIFEST_FILE), 'utf8'), id);
  await storeCopies({ manifest, folder }, meant, options);
  await removePending(options.workDirectory, id);
}

/** Copies what is newer than all that the storage has; what is older may have been pruned there. */
async function catchUp(
  name: string,
  from: BackupStorage,
  to: BackupStorage,
  options: StoreOptions & { readonly clock: Clock },
): Promise<void> {
  const nowMs = options.clock.nowMs();
  const isOurs = (id: string): boolean => nameOfBackupId(id) === name && !isAhead(timeOfBackupId(id), nowMs);
  const there = (await to.list()).filter(isOurs);
  const newest = there.at(-1) ?? '';
  const behind = (await from.list()).filter((id) => isOurs(id) && id > newest);
  for (const id of behind.slice(-MOST_BEHIND)) {
    const backup = await readBackup(from, id);
    const isWanted = backup.verifications.state !== 'damaged' && backup.manifest.purpose !== 'safety';
    if (isWanted) await copyBackup(backup, to, options);
  }
}

async function orWarn({ onProgress }: StoreOptions, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const failure = asBackupFailure(error, 'storage-failed');
    if (failure.reason === 'interrupted') throw failure;
    const message = `what the last run left could not be stored: ${failure.message}`;
    onProgress?.({ phase: 'storing', isWarning: true, message });
  }
}
