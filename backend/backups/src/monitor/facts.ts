import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { keyOpens } from '../archive/open-dump.ts';
import { isAhead } from '../catalogue/ahead.ts';
import { listBackups, type StoredBackup } from '../catalogue/catalogue.ts';
import { isNamedAfter, timeOfBackupId } from '../catalogue/id.ts';
import type { BackedUpDatabase } from '../configuration/open-backups.ts';
import { FAILED_FOLDER } from '../engine/staging.ts';
import { asBackupFailure } from '../failures.ts';
import type { BackupStorage } from '../storage/storage.ts';

/** What one storage holds of a database. */
export interface StorageFacts {
  readonly id: string;
  /** Its backups that the schedule made, oldest first; none that claims to be from the future. */
  readonly backups: readonly StoredBackup[];
  /** Ids of copies that cannot be read. */
  readonly unreadable: readonly string[];
  readonly freeBytes: number | undefined;
  /** Why it could not be asked. */
  readonly problem: string | undefined;
}

/** A backup that failed. */
export interface FailedBackup {
  readonly id: string;
  readonly atMs: number;
  readonly reason: string;
}

/** Whether the key opens the newest backup. */
export interface KeyFacts {
  readonly state: 'opens' | 'not-encrypted' | 'not-given' | 'wrong' | 'unknown';
  readonly message: string;
}

/** Everything that the checks of a database look at. */
export interface BackupFacts {
  readonly atMs: number;
  readonly storages: readonly StorageFacts[];
  /** Oldest first. */
  readonly failed: readonly FailedBackup[];
  readonly key: KeyFacts;
}

/**
 * Asks the storages of a database what they hold; the database itself is not asked. What cannot be found out is said so in
 * the facts.
 *
 * @param options `limitMs`: how long a storage may take
 */
export async function gatherFacts(
  database: BackedUpDatabase,
  options: { readonly workDirectory: string; readonly nowMs: number; readonly limitMs: number },
): Promise<BackupFacts> {
  const { nameOnServer } = database;
  const storages = await Promise.all(
    database.storages.map((storage) => factsOfStorage(storage, nameOnServer, options)),
  );
  const newest = newestOf(storages);
  const key = newest ? within(factsOfKey(newest, database), options.limitMs) : undefined;
  return {
    atMs: options.nowMs,
    storages,
    failed: await listFailed(options.workDirectory, nameOnServer),
    key: (await key?.catch(() => undefined)) ?? { state: 'unknown', message: 'there is no backup to try the key on' },
  };
}

/** The newest backup of all storages. */
export function newestOf(storages: readonly StorageFacts[]): StoredBackup | undefined {
  return storages.flatMap(({ backups }) => backups.at(-1) ?? []).sort((a, b) => (a.id < b.id ? 1 : -1))[0];
}

async function factsOfStorage(
  storage: BackupStorage,
  nameOnServer: string,
  { limitMs, nowMs }: { readonly limitMs: number; readonly nowMs: number },
): Promise<StorageFacts> {
  const { id } = storage;
  try {
    const listing = await within(listBackups(storage), limitMs);
    return {
      id,
      backups: listing.backups.filter(
        ({ manifest }) =>
          manifest.purpose === 'regular' &&
          manifest.source?.database === nameOnServer &&
          !isAhead(Date.parse(manifest.completedAt), nowMs),
      ),
      unreadable: listing.unreadable.flatMap((copy) => (isNamedAfter(copy.id, nameOnServer) ? [copy.id] : [])),
      freeBytes: await within(storage.freeBytes(), limitMs),
      problem: undefined,
    };
  } catch (error) {
    const problem = asBackupFailure(error, 'storage-failed').message;
    return { id, backups: [], unreadable: [], freeBytes: undefined, problem };
  }
}

async function factsOfKey(newest: StoredBackup, database: BackedUpDatabase): Promise<KeyFacts> {
  if (!newest.manifest.encryption) return { state: 'not-encrypted', message: 'the newest backup is not encrypted' };
  try {
    const identities = await database.identities();
    if (identities.length === 0) {
      return { state: 'not-given', message: 'no key is given here: AGE_IDENTITY_FILE is not set' };
    }
    await keyOpens(newest, identities);
    return { state: 'opens', message: `the key opens ${newest.id}` };
  } catch (error) {
    const { reason, message } = asBackupFailure(error, 'key-wrong');
    return { state: reason.startsWith('key-') ? 'wrong' : 'unknown', message };
  }
}

async function listFailed(workDirectory: string, nameOnServer: string): Promise<FailedBackup[]> {
  const folder = path.join(workDirectory, FAILED_FOLDER);
  const ids = (await readdir(folder).catch((): string[] => [])).filter((id) => isNamedAfter(id, nameOnServer)).sort();
  return Promise.all(
    ids.map(async (id) => ({ id, atMs: timeOfBackupId(id), reason: await reasonOf(path.join(folder, id)) })),
  );
}

async function reasonOf(folder: string): Promise<string> {
  try {
    const record = JSON.parse(await readFile(path.join(folder, 'failure.json'), 'utf8')) as { reason?: unknown };
    return typeof record.reason === 'string' ? record.reason : 'unknown';
  } catch {
    return 'unknown';
  }
}

async function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs / 1000} s`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
