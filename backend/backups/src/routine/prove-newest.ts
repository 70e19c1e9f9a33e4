import { listBackups, type StoredBackup } from '../catalogue/catalogue.ts';
import type { BackedUpDatabase } from '../configuration/open-backups.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { failureEvent, type BackupEvent } from '../notices/backup-event.ts';
import type { BackupStorage } from '../storage/storage.ts';
import type { VerifyResult } from '../verify/verify.ts';
import { isToBeTold, orWait, tellSafely, type RoutineOptions } from './deps.ts';

/** What proving the newest backup came to in one storage. */
export interface ProvenCopy {
  readonly storage: string;
  readonly backupId: string | null;
  readonly result?: VerifyResult | undefined;
  readonly failure?: BackupFailure | undefined;
}

/**
 * Restores the newest backup of a database and compares it, in each storage where it lies; unless somebody else did since the
 * moment that the options name, or while it was waited for. What is wrong with one copy does not keep the others from being looked at.
 */
export async function proveNewest(database: BackedUpDatabase, options: RoutineOptions): Promise<ProvenCopy[]> {
  const copies: ProvenCopy[] = [];
  const sinceMs = options.sinceMs ?? options.clock.nowMs();
  for (const storage of database.storages) copies.push(await proveIn(storage, database, { ...options, sinceMs }));
  for (const copy of copies) tellCopy(database.id, copy, options);
  return copies;
}

/** The backups of a database in a storage that its schedule made, oldest first. */
async function regularBackups(storage: BackupStorage, nameOnServer: string, nowMs: number): Promise<StoredBackup[]> {
  const { backups } = await listBackups(storage, nowMs);
  return backups.filter(({ manifest }) => manifest.purpose === 'regular' && manifest.source?.database === nameOnServer);
}

async function proveIn(
  storage: BackupStorage,
  database: BackedUpDatabase,
  options: RoutineOptions & { readonly sinceMs: number },
): Promise<ProvenCopy> {
  let backupId: string | null = null;
  try {
    const newest = (await regularBackups(storage, database.nameOnServer, options.clock.nowMs())).at(-1);
    if (!newest) {
      const message = `${storage.id} holds no backup of ${database.id}`;
      throw new BackupFailure('not-found', message, { remedy: 'make one: clearway backup create' });
    }
    backupId = newest.id;
    const { engine, policy } = database;
    const identities = newest.manifest.encryption ? await database.identities() : [];
    const { onProgress, signal, sinceMs } = options;
    const { level } = policy.verify;
    const request = { backup: newest, level, identities, unlessProvenSinceMs: sinceMs, onProgress, signal };
    const result = await orWait(options, () => engine.verify(request));
    return { storage: storage.id, backupId, result, failure: result.failure };
  } catch (error) {
    const failure = asBackupFailure(error, 'not-provable');
    if (failure.reason === 'interrupted') throw failure;
    return { storage: storage.id, backupId, failure };
  }
}

function tellCopy(database: string, copy: ProvenCopy, options: RoutineOptions): void {
  const event = proofEvent(database, copy, options.clock.nowMs());
  if (event && (!copy.failure || isToBeTold(copy.failure, options))) tellSafely(options, event);
}

/** The event of a proof; none of one that somebody else has made. */
export function proofEvent(
  database: string,
  { storage, backupId, result, failure }: ProvenCopy,
  nowMs: number,
): BackupEvent | undefined {
  if (failure) return failureEvent('backup.proof_failed', database, failure, { nowMs, backupId, facts: { storage } });
  return result && !result.isEarlier ? provenEvent(database, storage, result, nowMs) : undefined;
}

function provenEvent(
  database: string,
  storage: string,
  { backup, verification }: VerifyResult,
  nowMs: number,
): BackupEvent {
  const { state } = backup.verifications;
  const { restoreSeconds, server } = verification;
  const restored = restoreSeconds === undefined ? '' : `, restored in ${restoreSeconds.toFixed(1)} s`;
  return {
    type: 'backup.proven',
    at: new Date(nowMs).toISOString(),
    severity: 'info',
    database,
    backupId: backup.id,
    message: `${backup.id} in ${storage} is ${state}${restored}`,
    remedy: null,
    reason: null,
    facts: {
      state,
      storage,
      ...(restoreSeconds !== undefined && { restoreSeconds }),
      ...(server !== undefined && { server }),
    },
  };
}
