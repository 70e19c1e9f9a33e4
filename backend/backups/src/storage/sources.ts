import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { BackupFailure } from '../failures.ts';
import type { BackupToStore } from './storage.ts';

/** Where the files of a backup are read that is to be stored. */
export type StoreSource = Pick<BackupToStore, 'open' | 'sizeOf' | 'folder'>;

/** Files in a folder of this machine, which may be moved away. */
export const fromFolder = (folder: string): StoreSource => ({
  folder,
  open: (file) => Promise.resolve(createReadStream(path.join(folder, file), { highWaterMark: 256 * 1024 })),
  sizeOf: async (file) => (await stat(path.join(folder, file))).size,
});

/** A copy in a storage. */
export const fromCopy = ({ storage, id }: Pick<StoredBackup, 'storage' | 'id'>): StoreSource => ({
  open: (file) => storage.open(id, file),
  async sizeOf(file) {
    const sizeBytes = await storage.sizeOf(id, file);
    if (sizeBytes === undefined) throw new BackupFailure('damaged', `${storage.location} has no ${file} of ${id}`);
    return sizeBytes;
  },
});
