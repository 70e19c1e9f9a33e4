import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { makeDirectory, moveDurably, syncDirectory, syncFile, writeDurably } from '../files/durable.ts';
import { isBackupId } from '../catalogue/id.ts';
import { MANIFEST_FILE, type BackupStorage, type BackupToStore } from './storage.ts';

/** Where a directory keeps what is not a backup, or not yet. */
export const PARTIAL_FOLDER = '.partial';

/**
 * Keeps backups in a directory: one folder each, which appears under its name when it is complete.
 *
 * @param root made when it is missing
 */
export function directoryStorage(root: string, id = 'local'): BackupStorage {
  const place = (backup: string, file = ''): string => {
    if (!isBackupId(backup)) throw new BackupFailure('not-found', `${backup} is not the id of a backup`);
    return path.join(root, backup, file);
  };
  const absent = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw asBackupFailure(error, 'storage-failed');
    }
  };
  return {
    id,
    location: root,
    async list() {
      const entries = (await absent(() => readdir(root, { withFileTypes: true }))) ?? [];
      const folders = entries.filter((entry) => entry.isDirectory() && isBackupId(entry.name)).map(({ name }) => name);
      const whole = await Promise.all(folders.map((name) => absent(() => stat(place(name, MANIFEST_FILE)))));
      return folders.filter((_, i) => whole[i] !== undefined).sort();
    },
    readText: (backup, file) => absent(() => readFile(place(backup, file), 'utf8')),
    sizeOf: async (backup, file) => (await absent(() => stat(place(backup, file))))?.size,
    open: (backup, file) => openFile(place(backup, file)),
    store: (backup) => storeFolder(root, backup),
    async replaceText(backup, file, content) {
      await orFailure(() => writeDurably(place(backup, file), content));
    },
    async remove(backup) {
      // out of sight in one step, so that half a backup never looks like one
      const doomed = path.join(root, PARTIAL_FOLDER, `removed-${backup}`);
      await orFailure(async () => {
        await makeDirectory(path.dirname(doomed));
        await rm(doomed, { recursive: true, force: true });
        await moveDurably(place(backup), doomed);
        await rm(doomed, { recursive: true, force: true });
      });
    },
    freeBytes: () => freeBytesOf(root),
  };
}

/** Bytes that an unprivileged account can still write below a directory, or its nearest parent that exists. */
export async function freeBytesOf(directory: string): Promise<number | undefined> {
  for (let at = path.resolve(directory); ; at = path.dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at);
      return bavail * bsize;
    } catch {
      if (at === path.dirname(at)) return undefined;
    }
  }
}

async function storeFolder(root: string, { id, folder, files, signal }: BackupToStore): Promise<void> {
  const target = path.join(root, id);
  await orFailure(async () => {
    await makeDirectory(path.join(root, PARTIAL_FOLDER));
    try {
      await moveDurably(folder, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      const draft = path.join(root, PARTIAL_FOLDER, `copy-${id}`);
      await rm(draft, { recursive: true, force: true });
      await mkdir(draft, { mode: 0o700 });
      for (const file of files) {
        signal?.throwIfAborted();
        await copyFile(path.join(folder, file), path.join(draft, file), constants.COPYFILE_FICLONE);
        await syncFile(path.join(draft, file));
      }
      await syncDirectory(draft);
      await moveDurably(draft, target);
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function openFile(file: string): Promise<Readable> {
  const stream = createReadStream(file, { highWaterMark: 256 * 1024 });
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (error) =>
      reject(
        isAbsent(error) ? new BackupFailure('damaged', `${file} is missing`) : asBackupFailure(error, 'storage-failed'),
      ),
    );
  });
  return stream;
}

const isAbsent = (error: unknown): boolean => /^(ENOENT|ENOTDIR)$/.test((error as NodeJS.ErrnoException).code ?? '');

async function orFailure(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw asBackupFailure(error, 'storage-failed');
  }
}
