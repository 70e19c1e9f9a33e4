import { newBackupId } from '../../src/catalogue/id.ts';
import type { BackupStorage, StoredBackup } from '../../src/index.ts';
import { writeManifest } from '../../src/manifest/document.ts';
import { fromCopy } from '../../src/storage/sources.ts';
import { Readable } from 'node:stream';
import { MANIFEST_FILE } from '../../src/storage/storage.ts';
import { setState } from './forged-backup.ts';

/** Stores a backup once more, as if it had been made and proven at another time. Returns the new id. */
export async function cloneBackup(
  backup: StoredBackup,
  storages: readonly BackupStorage[],
  madeAtMs: number,
): Promise<string> {
  const id = newBackupId(backup.manifest.source?.database ?? 'clone', madeAtMs);
  const at = new Date(madeAtMs).toISOString();
  const manifest = Buffer.from(writeManifest({ ...backup.manifest, id, startedAt: at, completedAt: at }));
  const { open, sizeOf } = fromCopy(backup);
  const files = [...backup.manifest.files.map(({ name }) => name), MANIFEST_FILE];
  const isManifest = (file: string): boolean => file === MANIFEST_FILE;
  for (const storage of storages) {
    await storage.store({
      id,
      files,
      open: (file) =>
        isManifest(file) ? Promise.resolve(Readable.from([manifest], { objectMode: false })) : open(file),
      sizeOf: (file) => (isManifest(file) ? Promise.resolve(manifest.length) : sizeOf(file)),
    });
    await setState(storage, id, 'exact', madeAtMs);
  }
  return id;
}
