import { constants, createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { makeDirectory, moveDurably, syncDirectory, syncFile, writeDurably } from '../files/durable.ts';
import { isBackupId } from '../catalogue/id.ts';
import { directoryLocks } from './directory-locks.ts';
import { MANIFEST_FILE, type BackupStorage, type BackupToStore } from './storage.ts';

/** Where a directory keeps what is not a backup, or not yet. */
export const PARTIAL_FOLDER = '.partial';
const LOCKS_FOLDER = '.locks';
const REMOVED = 'removed-';
const COPY = 'copy-';

/**
 * Keeps backups in a directory: one folder each, which appears under its name when it is complete.
 *
 * @param root made when it is missing
 */
export function directoryStorage(root: string, id = 'local'): BackupStorage {
  const place = (backup: string, file = ''): string => {
    if (!isBackupId(backup)) {
      const remedy = 'the ids are in clearway backup list';
      throw new BackupFailure('not-found', `${backup} is not the id of a backup`, { remedy });
    }
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
      if (entries.length === 0) await assertNoFile(root);
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
      const doomed = path.join(root, PARTIAL_FOLDER, `${REMOVED}${backup}`);
      await orFailure(async () => {
        await makeDirectory(path.dirname(doomed));
        await rm(doomed, { recursive: true, force: true });
        await moveDurably(place(backup), doomed);
        await rm(doomed, { recursive: true, force: true });
      });
    },
    tidy: (beforeMs) => tidyFolder(path.join(root, PARTIAL_FOLDER), beforeMs),
    locks: directoryLocks(path.join(root, LOCKS_FOLDER)),
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

/** A file in the folder's place is a mistake; nothing in its place is an empty storage. */
async function assertNoFile(root: string): Promise<void> {
  const found = await stat(root).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return;
  throw new BackupFailure('storage-failed', `${root} is no folder`, {
    remedy: 'name the folder of the backups: --dir, or BACKUP_DIR',
  });
}

async function storeFolder(root: string, backup: BackupToStore): Promise<void> {
  const target = path.join(root, backup.id);
  await orFailure(async () => {
    await makeDirectory(path.join(root, PARTIAL_FOLDER));
    if (backup.folder === undefined) return copyFiles(root, target, backup);
    try {
      await moveDurably(backup.folder, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      await copyFiles(root, target, backup);
    }
  });
}

async function copyFiles(root: string, target: string, backup: BackupToStore): Promise<void> {
  const { id, files, open, folder, signal } = backup;
  // of its own: another process may copy the same one
  const draft = await mkdtemp(path.join(root, PARTIAL_FOLDER, `${COPY}${id}-`));
  try {
    for (const file of files) {
      signal?.throwIfAborted();
      const copy = path.join(draft, file);
      if (folder !== undefined) await copyFile(path.join(folder, file), copy, constants.COPYFILE_FICLONE);
      else await pipeline(await open(file), createWriteStream(copy, { flags: 'wx', mode: 0o600 }), { signal });
      await syncFile(copy);
    }
    await syncDirectory(draft);
    await moveDurably(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // the other one was first: what lies there is looked at afterwards
    if (!/^(ENOTEMPTY|EEXIST)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Removes what was to be removed, and copies that nobody works on. */
async function tidyFolder(folder: string, beforeMs: number): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const isLeft = async (name: string): Promise<boolean> => {
    if (name.startsWith(REMOVED)) return true;
    if (!name.startsWith(COPY)) return false;
    return ((await stat(path.join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0) < beforeMs;
  };
  const left: string[] = [];
  for (const name of names) if (await isLeft(name)) left.push(name);
  await orFailure(async () => {
    for (const name of left) await rm(path.join(folder, name), { recursive: true, force: true });
  });
  return left;
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
