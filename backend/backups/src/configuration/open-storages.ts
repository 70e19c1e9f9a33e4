import path from 'node:path';
import type { BackupStorageConfiguration } from '@clearway/contracts';
import { answering } from '../files/answering.ts';
import { directoryStorage } from '../storage/directory-storage.ts';
import { s3Storage } from '../storage/s3/s3-storage.ts';
import type { BackupStorage } from '../storage/storage.ts';

/** The storage that is there without being declared. */
export const LOCAL_STORAGE = 'local';

/** What storages are opened with. */
interface OpenStoragesOptions {
  readonly localDirectory: string;
  /** What relative paths are relative to. */
  readonly root: string;
  /** How long a directory may take to answer. */
  readonly answerLimitMs?: number | undefined;
}

/** Opens all storages: `local`, and those that are declared. Nothing is asked before the first use. */
export function openStorages(
  declared: readonly BackupStorageConfiguration[],
  options: OpenStoragesOptions,
): ReadonlyMap<string, BackupStorage> {
  const local = openDirectory(options.localDirectory, LOCAL_STORAGE, options);
  return new Map([[LOCAL_STORAGE, local], ...declared.map((one) => [one.id, openStorage(one, options)] as const)]);
}

function openStorage(storage: BackupStorageConfiguration, options: OpenStoragesOptions): BackupStorage {
  if (storage.type !== 'directory') return s3Storage(storage);
  return openDirectory(path.resolve(options.root, storage.path), storage.id, options);
}

function openDirectory(directory: string, id: string, { answerLimitMs: limitMs }: OpenStoragesOptions): BackupStorage {
  const storage = directoryStorage(directory, id);
  const use = { directory, limitMs };
  return answering({ ...storage, locks: answering(storage.locks, use) }, use);
}
