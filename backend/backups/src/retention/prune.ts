import type { Clock } from '@clearway/kernel';
import { listBackups, readBackup, type StoredBackup } from '../catalogue/catalogue.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import type { StillHeld } from '../lock/note.ts';
import { readerOf } from '../lock/read-lease.ts';
import { withStorageLock } from '../lock/storage-lock.ts';
import type { BackupStorage } from '../storage/storage.ts';
import { groupBackups, type BackupGroup } from './groups.ts';
import { isProven, planRetention, retained, type RetentionPlan } from './plan.ts';
import { KEEP_FAILED_DAYS, type RetentionPolicy } from './policy.ts';
import { clearFailed } from './failed.ts';

/** What is to be pruned, and by which rules. */
export interface PruneRequest {
  readonly storages: readonly BackupStorage[];
  readonly policy: RetentionPolicy;
  /** Only the backups of this database. */
  readonly database?: string | undefined;
  /** Not the backups of these. */
  readonly except?: readonly string[] | undefined;
  /** Only says what would be done. */
  readonly isDryRun?: boolean | undefined;
  readonly clock: Clock;
  /** Where backups that failed are kept aside: those older than a week go too. */
  readonly workDirectory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A backup that somebody reads. */
export interface BackupInUse {
  readonly id: string;
  /** Who, and since when. */
  readonly reader: string;
}

/** What was done with the backups of one database in one storage. */
export interface DatabasePruned {
  readonly database: string;
  readonly plan: RetentionPlan;
  /** Ids of what was removed; in a dry run, of nothing. */
  readonly removed: readonly string[];
  /** What was to go and stays for now, since somebody reads it. */
  readonly inUse: readonly BackupInUse[];
  /** Why not all of the plan was done. */
  readonly failure?: BackupFailure | undefined;
}

/** What was done in one storage. */
export interface StoragePruned {
  readonly storage: string;
  readonly databases: readonly DatabasePruned[];
  /** What killed processes had left behind. */
  readonly tidied: readonly string[];
  /** Why the storage could not be looked at. */
  readonly failure?: BackupFailure | undefined;
}

/** What pruning came to. */
export interface PruneResult {
  readonly storages: readonly StoragePruned[];
  /** Ids of backups that failed more than a week ago and are not kept aside any more. */
  readonly forgotten: readonly string[];
}

const DAY_MS = 86_400_000;
/** An upload that was not touched for so long is nobody's any more. */
const ABANDONED_MS = 3 * DAY_MS;

/**
 * Removes what retention does not keep, in each storage by what is proven there. What fails in one does not stop the
 * others and is in the result. One process prunes the backups of a database in a storage at a time.
 *
 * @example
 * const { storages } = await pruneBackups({ storages: [local, s3], policy: { keepDays: 30 }, clock: systemClock });
 */
export async function pruneBackups(request: PruneRequest): Promise<PruneResult> {
  const storages: StoragePruned[] = [];
  for (const storage of request.storages) storages.push(await pruneStorage(storage, request));
  const { workDirectory, isDryRun, clock } = request;
  const before = clock.nowMs() - KEEP_FAILED_DAYS * DAY_MS;
  const forgotten = workDirectory === undefined || isDryRun ? [] : await clearFailed(workDirectory, before);
  return { storages, forgotten };
}

async function pruneStorage(storage: BackupStorage, request: PruneRequest): Promise<StoragePruned> {
  const databases: DatabasePruned[] = [];
  try {
    const groups = await groupBackups(await listBackups(storage), request);
    for (const group of groups) databases.push(await pruneGroup(storage, group, request));
    // notes of readers that were killed
    if (!request.isDryRun) await readerOf(storage);
    const tidied = request.isDryRun ? [] : await storage.tidy(request.clock.nowMs() - ABANDONED_MS);
    return { storage: storage.id, databases, tidied };
  } catch (error) {
    return { storage: storage.id, databases, tidied: [], failure: asBackupFailure(error, 'storage-failed') };
  }
}

async function pruneGroup(storage: BackupStorage, group: BackupGroup, request: PruneRequest): Promise<DatabasePruned> {
  const { database } = group;
  const { clock, policy } = request;
  const removed: string[] = [];
  const inUse: BackupInUse[] = [];
  const plan = planRetention(group.backups, policy, clock.nowMs());
  const nothing = plan.decisions.every(({ action }) => action === 'keep');
  if (request.isDryRun || nothing) return { database, plan, removed, inUse };
  try {
    await withStorageLock(storage, { database, what: 'prune', clock }, (stillHeld) =>
      carryOut(storage, plan, { removed, inUse }, { stillHeld, signal: request.signal }),
    );
    return { database, plan, removed, inUse };
  } catch (error) {
    return { database, plan, removed, inUse, failure: asBackupFailure(error, 'storage-failed') };
  }
}

/**
 * Oldest first. The plan was made before the lock was had: before each proven one goes, the one that is to stay is looked
 * at again. What somebody reads stays until the next time.
 */
async function carryOut(
  storage: BackupStorage,
  { decisions, lastProven }: RetentionPlan,
  done: { readonly removed: string[]; readonly inUse: BackupInUse[] },
  { stillHeld, signal }: { stillHeld: StillHeld; signal: AbortSignal | undefined },
): Promise<void> {
  for (const { backup, action } of decisions) {
    if (action === 'keep') continue;
    signal?.throwIfAborted();
    await stillHeld();
    if (lastProven && isProven(backup)) await makeSureOf(storage, lastProven.id);
    const reader = await readerOf(storage, backup.id);
    if (reader === undefined) {
      await storage.remove(backup.id);
      done.removed.push(backup.id);
    } else done.inUse.push({ id: backup.id, reader });
  }
}

async function makeSureOf(storage: BackupStorage, id: string): Promise<void> {
  const kept: StoredBackup | undefined = await readBackup(storage, id).catch(() => undefined);
  if (kept && isProven(retained(kept))) return;
  throw new BackupFailure(
    'damaged',
    `${id} was to stay as the last proven one in ${storage.id}, and is not proven any more: nothing is removed`,
    {
      remedy: 'look at it: clearway backup show',
    },
  );
}
