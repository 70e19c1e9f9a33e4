import type { Clock } from '@clearway/kernel';
import type { CatalogueListing, StoredBackup, UnreadableBackup } from '../catalogue/catalogue.ts';
import { nameOfBackupId } from '../catalogue/id.ts';
import type { PruneRequest } from './prune.ts';
import { retained, retainedUnreadable, type RetainedBackup } from './plan.ts';

/** Name of the file that says since when a backup is known to be unreadable. */
const UNREADABLE_FILE = 'unreadable.txt';

/** The backups of one database in one storage. */
export interface BackupGroup {
  readonly database: string;
  readonly backups: readonly RetainedBackup[];
}

/**
 * Puts the backups of each database together. Dumps that were made elsewhere are groups of their own, by name. What a
 * newer version made is in no group: it stays.
 */
export async function groupBackups(
  { backups, unreadable }: CatalogueListing,
  how: Pick<PruneRequest, 'database' | 'except' | 'isDryRun' | 'clock'>,
): Promise<BackupGroup[]> {
  const groups = new Map<string, RetainedBackup[]>();
  const isWanted = (database: string): boolean =>
    (how.database === undefined || database === how.database) && !how.except?.includes(database);
  const add = (database: string, backup: RetainedBackup): void =>
    void groups.set(database, [...(groups.get(database) ?? []), backup]);
  for (const backup of backups) add(databaseOf(backup), retained(backup));
  for (const backup of unreadable) {
    if (backup.reason !== 'damaged') continue;
    const database = databaseOfUnreadable(backup, backups);
    if (isWanted(database)) add(database, retainedUnreadable(backup, await foundMs(backup, how)));
  }
  return [...groups]
    .filter(([database]) => isWanted(database))
    .map(([database, members]) => ({ database, backups: members }));
}

/** What a backup counts to. */
export const databaseOf = ({ id, manifest }: StoredBackup): string =>
  manifest.source?.database ?? `${nameOfBackupId(id)} (adopted)`;

function databaseOfUnreadable({ id }: UnreadableBackup, others: readonly StoredBackup[]): string {
  const name = nameOfBackupId(id);
  const sibling = others.find((other) => nameOfBackupId(other.id) === name);
  return sibling ? databaseOf(sibling) : name;
}

/** When it was found out; written down beside it when that is now. */
async function foundMs(
  { storage, id }: UnreadableBackup,
  { isDryRun, clock }: { readonly isDryRun?: boolean | undefined; readonly clock: Clock },
): Promise<number> {
  const known = await storage.readText(id, UNREADABLE_FILE);
  const sinceMs = known === undefined ? Number.NaN : Date.parse(known.trim());
  if (!Number.isNaN(sinceMs)) return sinceMs;
  const nowMs = clock.nowMs();
  if (!isDryRun) await storage.replaceText(id, UNREADABLE_FILE, `${new Date(nowMs).toISOString()}\n`);
  return nowMs;
}
