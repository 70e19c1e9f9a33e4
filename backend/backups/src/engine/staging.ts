import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { BackupFailure } from '../failures.ts';
import { makeDirectory, syncDirectory, syncFile, writeDurably } from '../files/durable.ts';
import { identifyProcess, stillRuns } from '@clearway/database';

/** A folder in which a backup is written before it is one. */
export interface Staging {
  readonly id: string;
  readonly folder: string;
  /** Where it goes when it fails. */
  readonly failedFolder: string;
  /** Lets go of it; what is still there is removed. */
  close(): Promise<void>;
}

/** Folder of the backups that failed, below the working directory. */
export const FAILED_FOLDER = 'failed';
const PARTIAL_FOLDER = '.partial';
const OWNER_SUFFIX = '.owner';
/** What another machine has not touched for so long is nobody's any more. */
const ABANDONED_MS = 24 * 3_600_000;

/**
 * Opens the folder in which a backup is written, and removes what killed processes left behind.
 *
 * @param root the working directory; in the storage's own file system a finished backup only has to be moved
 */
export async function openStaging(root: string, id: string, nowMs: number): Promise<Staging> {
  const partial = path.join(root, PARTIAL_FOLDER);
  await makeDirectory(partial);
  await sweep(partial, nowMs);
  const folder = path.join(partial, id);
  const owner = `${folder}${OWNER_SUFFIX}`;
  await writeDurably(owner, `${hostname()}\n${identifyProcess(process.pid)}\n`);
  await mkdir(folder, { mode: 0o700 });
  return {
    id,
    folder,
    failedFolder: path.join(root, FAILED_FOLDER, id),
    async close() {
      await rm(folder, { recursive: true, force: true });
      await rm(owner, { force: true });
    },
  };
}

async function sweep(partial: string, nowMs: number): Promise<void> {
  for (const name of await readdir(partial)) {
    if (!name.endsWith(OWNER_SUFFIX)) continue;
    const owner = path.join(partial, name);
    if (await isInUse(owner, nowMs)) continue;
    await rm(owner.slice(0, -OWNER_SUFFIX.length), { recursive: true, force: true });
    await rm(owner, { force: true });
  }
}

async function isInUse(owner: string, nowMs: number): Promise<boolean> {
  try {
    const [host, identity = ''] = (await readFile(owner, 'utf8')).split('\n');
    if (host === hostname()) return stillRuns(identity);
    const { mtimeMs } = await stat(owner);
    return nowMs - mtimeMs < ABANDONED_MS;
  } catch {
    return false; // another one swept it
  }
}

/**
 * Keeps what was written of a backup that failed, with the reason beside it. On a full disk only the reason is kept: the
 * next one needs the space.
 */
export async function keepAside(staging: Staging, failure: BackupFailure, nowMs: number): Promise<void> {
  const { folder, failedFolder, id } = staging;
  try {
    await makeDirectory(path.dirname(failedFolder));
    if (failure.reason === 'storage-failed') {
      await rm(folder, { recursive: true, force: true });
      await mkdir(failedFolder, { mode: 0o700 });
    } else await rename(folder, failedFolder);
    const { reason, message, remedy } = failure;
    const record = { id, at: new Date(nowMs).toISOString(), reason, message, remedy };
    await writeDurably(path.join(failedFolder, 'failure.json'), `${JSON.stringify(record, null, 1)}\n`);
    await syncDirectory(path.dirname(failedFolder));
  } catch {
    // the failure itself is what matters, and where it was to be kept may be what failed
  }
}

/** Writes the last file of a backup, after which its folder is complete on the disk. */
export async function writeWhole(file: string, content: string): Promise<void> {
  await writeFile(file, content, { flag: 'wx', mode: 0o600 });
  await syncFile(file);
  await syncDirectory(path.dirname(file));
}
