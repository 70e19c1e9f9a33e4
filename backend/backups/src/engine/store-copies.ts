import { existsSync } from 'node:fs';
import { readBackup, type StoredBackup } from '../catalogue/catalogue.ts';
import { noVerifications } from '../catalogue/states.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import type { Manifest } from '../manifest/schema.ts';
import type { OnProgress } from '../progress.ts';
import { fromCopy, fromFolder, type StoreSource } from '../storage/sources.ts';
import { MANIFEST_FILE, type BackupStorage } from '../storage/storage.ts';
import type { CopyOutcome } from './engine.ts';

/** How copies are stored. */
export interface StoreOptions {
  /** Reads a copy where it lies, and throws when it is not good. */
  readonly verify: (copy: StoredBackup) => Promise<StoredBackup>;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Stores a backup in each storage and verifies it there. A storage that fails does not keep the others from getting theirs.
 *
 * @throws BackupFailure when none of them holds a good copy: the failure of the first; `interrupted`
 */
export async function storeCopies(
  { manifest, folder }: { readonly manifest: Manifest; readonly folder: string },
  storages: readonly BackupStorage[],
  options: StoreOptions,
): Promise<CopyOutcome[]> {
  const outcomes: CopyOutcome[] = [];
  for (const storage of storages) {
    const stored = outcomes.find(({ backup }) => backup)?.backup;
    // one in the same file system has moved the folder
    const source = stored && !existsSync(folder) ? fromCopy(stored) : fromFolder(folder);
    try {
      outcomes.push({ storage, backup: await storeCopy(manifest, storage, source, options) });
    } catch (error) {
      const failure = asBackupFailure(error, 'storage-failed');
      if (failure.reason === 'interrupted') throw failure;
      outcomes.push({ storage, failure });
    }
  }
  const [first] = outcomes;
  if (first?.failure && outcomes.every(({ failure }) => failure)) throw first.failure;
  return outcomes;
}

/** Copies a backup to a storage, in the place of a damaged copy if there is one. */
export async function copyBackup(
  backup: StoredBackup,
  storage: BackupStorage,
  options: StoreOptions,
): Promise<StoredBackup> {
  const there = await goodCopy(backup, storage, options);
  return there ?? storeCopy(backup.manifest, storage, fromCopy(backup), options);
}

async function goodCopy(
  { id }: StoredBackup,
  storage: BackupStorage,
  { verify }: StoreOptions,
): Promise<StoredBackup | undefined> {
  try {
    return await verify(await readBackup(storage, id));
  } catch (error) {
    if (!(error instanceof BackupFailure) || !/^(not-found|damaged)$/.test(error.reason)) throw error;
    if (error.reason === 'damaged') await storage.remove(id);
    return undefined;
  }
}

async function storeCopy(
  manifest: Manifest,
  storage: BackupStorage,
  source: StoreSource,
  { verify, onProgress, signal }: StoreOptions,
): Promise<StoredBackup> {
  const { id } = manifest;
  const files = [...manifest.files.map(({ name }) => name), MANIFEST_FILE];
  onProgress?.({ phase: 'storing', message: `storing ${id} in ${storage.location}` });
  await storage.store({ id, files, ...source, onProgress, signal });
  return verify({ id, storage, manifest, verifications: noVerifications(manifest.completedAt) });
}
