import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { BackupFailure } from '../failures.ts';

/** Makes sure that what was written to a file outlives a crash of the machine. */
export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes sure that the names in a directory outlive a crash of the machine: a rename is only then done. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return; // it has no such thing; NTFS journals names
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory and those above it, each synced into its parent. Not by `recursive`: Node tries that forever where the
 * system lets nobody make anything, as in `/proc`.
 *
 * @throws BackupFailure `storage-failed`
 */
export async function makeDirectory(directory: string, mode = 0o700): Promise<void> {
  const at = path.resolve(directory);
  if (await isDirectory(at)) return;
  await makeDirectory(path.dirname(at), mode);
  try {
    await mkdir(at, { mode });
  } catch (error) {
    if (await isDirectory(at)) return;
    throw new BackupFailure('storage-failed', `no folder can be made at ${at}: ${(error as Error).message}`, {
      cause: error,
      remedy: 'name one that this account may write to (for backups by --dir, or BACKUP_DIR)',
    });
  }
  await syncDirectory(path.dirname(at));
}

const isDirectory = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Writes a file whole or not at all: a reader sees the old content or the new one, also after a crash. */
export async function writeDurably(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}.draft`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
}

/** Moves a file or directory within a file system, for good. */
export async function moveDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(path.dirname(to));
  if (path.dirname(from) !== path.dirname(to)) await syncDirectory(path.dirname(from));
}
