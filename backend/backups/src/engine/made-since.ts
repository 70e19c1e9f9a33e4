import { isAhead } from '../catalogue/ahead.ts';
import { readBackup, type StoredBackup } from '../catalogue/catalogue.ts';
import { isNamedAfter, timeOfBackupId } from '../catalogue/id.ts';
import type { BackupStorage } from '../storage/storage.ts';
import type { CreatedBackup } from './engine.ts';

/** The time in an id has whole seconds. */
const ID_STEP_MS = 1000;

/**
 * The newest backup of a database that somebody began since a moment, if every storage holds a copy of it that is not
 * damaged. A storage that does not answer holds none.
 */
export async function findMadeSince(
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
  database: string,
  storages: readonly BackupStorage[],
): Promise<CreatedBackup | undefined> {
  const ids = (await storages[0]?.list().catch((): string[] => [])) ?? [];
  const isSince = (atMs: number): boolean => atMs > sinceMs - ID_STEP_MS && !isAhead(atMs, nowMs);
  const since = ids.filter((id) => isNamedAfter(id, database) && isSince(timeOfBackupId(id)));
  for (const id of since.reverse()) {
    const copies = await Promise.all(storages.map((storage) => goodCopy(storage, id)));
    const [made] = copies;
    if (!made || copies.some((copy) => copy?.manifest.source?.database !== database)) continue;
    return { ...made, copies: storages.map((storage, i) => ({ storage, backup: copies[i] })), isEarlier: true };
  }
  return undefined;
}

async function goodCopy(storage: BackupStorage, id: string): Promise<StoredBackup | undefined> {
  const copy = await readBackup(storage, id).catch(() => undefined);
  const isGood = copy?.manifest.purpose === 'regular' && /^(decoded|restored|exact)$/.test(copy.verifications.state);
  return isGood ? copy : undefined;
}
