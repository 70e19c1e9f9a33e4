import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { asBackupFailure, type BackupFailure } from '../failures.ts';
import { isBackupId, nameOfBackupId } from '../catalogue/id.ts';
import { makeDirectory, moveDurably, syncDirectory, syncFile, writeDurably } from '../files/durable.ts';
import { MANIFEST_FILE } from '../storage/storage.ts';
import { identifyProcess, stillRuns } from '@clearway/database';

/** A folder in which a backup is written before it is one. */
export interface Staging {
  readonly id: string;
  /** The working directory. */
  readonly root: string;
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
const STORAGES_SUFFIX = '.storages';
/** Folder of the backups that are whole and that no storage took yet, below the working directory. */
export const PENDING_FOLDER = 'pending';
/** How many of a database may wait there: they need as much space as backups. */
const MOST_PENDING = 3;
/** What another machine has not touched for so long is nobody's any more. */
const ABANDONED_MS = 24 * 3_600_000;

/**
 * Opens the folder in which a backup is written, and removes what killed processes left behind.
 *
 * @param root the working directory; in the storage's own file system a finished backup only has to be moved
 * @param storages ids of the storages that it is meant for
 * @throws BackupFailure `storage-failed`
 */
export async function openStaging(
  root: string,
  id: string,
  { nowMs, storages }: { readonly nowMs: number; readonly storages: readonly string[] },
): Promise<Staging> {
  const partial = path.join(root, PARTIAL_FOLDER);
  const folder = path.join(partial, id);
  const owner = `${folder}${OWNER_SUFFIX}`;
  try {
    await makeDirectory(partial);
    await sweep(root, nowMs);
    await writeDurably(owner, `${hostname()}\n${identifyProcess(process.pid)}\n${storages.join(' ')}\n`);
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    throw asBackupFailure(error, 'storage-failed');
  }
  return {
    id,
    root,
    folder,
    failedFolder: path.join(root, FAILED_FOLDER, id),
    async close() {
      await rm(folder, { recursive: true, force: true });
      await rm(owner, { force: true });
    },
  };
}

/** Removes what nobody works on any more; what is whole waits to be stored. */
export async function sweep(root: string, nowMs: number): Promise<void> {
  const partial = path.join(root, PARTIAL_FOLDER);
  for (const name of await namesIn(partial)) {
    if (!name.endsWith(OWNER_SUFFIX)) continue;
    const owner = path.join(partial, name);
    if (await isInUse(owner, nowMs)) continue;
    const id = name.slice(0, -OWNER_SUFFIX.length);
    if (await isFile(path.join(partial, id, MANIFEST_FILE))) await moveToPending(root, id);
    await rm(path.join(partial, id), { recursive: true, force: true });
    await rm(owner, { force: true });
  }
}

async function moveToPending(root: string, id: string): Promise<void> {
  const pending = path.join(root, PENDING_FOLDER);
  const partial = path.join(root, PARTIAL_FOLDER);
  await makeDirectory(pending);
  const [, , storages = ''] = (await readFile(path.join(partial, `${id}${OWNER_SUFFIX}`), 'utf8')).split('\n');
  await writeDurably(path.join(pending, `${id}${STORAGES_SUFFIX}`), `${storages}\n`);
  await moveDurably(path.join(partial, id), path.join(pending, id));
  const waiting = (await listPending(root)).filter((other) => nameOfBackupId(other.id) === nameOfBackupId(id));
  for (const old of waiting.slice(0, -MOST_PENDING)) await removePending(root, old.id);
}

/** A backup that is whole and waits to be stored. */
export interface PendingBackup {
  readonly id: string;
  readonly folder: string;
  /** Ids of the storages that it is meant for. */
  readonly storages: readonly string[];
}

/** The backups that wait to be stored, oldest first. */
export async function listPending(root: string): Promise<PendingBackup[]> {
  const pending = path.join(root, PENDING_FOLDER);
  const ids = (await namesIn(pending)).filter(isBackupId).sort();
  return Promise.all(
    ids.map(async (id) => {
      const storages = await readFile(path.join(pending, `${id}${STORAGES_SUFFIX}`), 'utf8').catch(() => '');
      return { id, folder: path.join(pending, id), storages: storages.split(/\s+/).filter(Boolean) };
    }),
  );
}

/** Forgets one, since it is stored. */
export async function removePending(root: string, id: string): Promise<void> {
  const place = path.join(root, PENDING_FOLDER, id);
  await rm(place, { recursive: true, force: true });
  await rm(`${place}${STORAGES_SUFFIX}`, { force: true });
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
const isFolder = (folder: string): Promise<boolean> =>
  stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
const isFile = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );

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
 * next one needs the space. One that is whole, and that no storage took, waits for the next run to be stored.
 */
export async function keepAside(staging: Staging, failure: BackupFailure, nowMs: number): Promise<void> {
  const { folder, failedFolder, id } = staging;
  // nothing was begun, and whoever waits tries again and again
  if (failure.reason === 'locked') return;
  try {
    await makeDirectory(path.dirname(failedFolder));
    if (await isFile(path.join(folder, MANIFEST_FILE))) await moveToPending(staging.root, id);
    const isKept = failure.reason !== 'storage-failed' && (await isFolder(folder));
    if (isKept) await rename(folder, failedFolder);
    else {
      await rm(folder, { recursive: true, force: true });
      await mkdir(failedFolder, { mode: 0o700 });
    }
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
