import path from 'node:path';
import type { BackupStorageConfiguration } from '@clearway/contracts';
import { directoryStorage } from '../storage/directory-storage.ts';
import { s3Storage } from '../storage/s3/s3-storage.ts';
import type { BackupStorage } from '../storage/storage.ts';

/** The storage that is there without being declared. */
export const LOCAL_STORAGE = 'local';

/**
 * Opens all storages: `local`, and those that are declared. Nothing is asked before the first use.
 *
 * @param root what relative paths are relative to
 */
export function openStorages(
  declared: readonly BackupStorageConfiguration[],
  options: { readonly localDirectory: string; readonly root: string },
): ReadonlyMap<string, BackupStorage> {
  const local = directoryStorage(options.localDirectory, LOCAL_STORAGE);
  return new Map([[LOCAL_STORAGE, local], ...declared.map((one) => [one.id, openStorage(one, options.root)] as const)]);
}

function openStorage(storage: BackupStorageConfiguration, root: string): BackupStorage {
  if (storage.type === 'directory') return directoryStorage(path.resolve(root, storage.path), storage.id);
  return s3Storage(storage);
}
