import { listBackups, type StoredBackup } from '../catalogue/catalogue.ts';
import { isAtLeast } from '../catalogue/states.ts';
import { BackupFailure } from '../failures.ts';
import type { ManifestSource } from '../manifest/schema.ts';
import type { BackupStorage } from '../storage/storage.ts';
import type { CreateRequest } from './engine.ts';

/**
 * Makes sure that it is the right database: a manifest that was taken from the wrong one matches its dump perfectly. The
 * expected cluster is the configured one, else that of the last proven backup of a database of this name.
 *
 * @throws BackupFailure `wrong-database`
 */
export async function checkIdentity(source: ManifestSource, request: CreateRequest): Promise<void> {
  const { systemIdentifier: found, database } = source;
  if (request.systemIdentifier !== undefined) {
    if (found === request.systemIdentifier) return;
    const message = found
      ? `${database} is on the cluster ${found}, and ${request.systemIdentifier} was expected`
      : `the role ${source.role} may not read the cluster's identifier, and ${request.systemIdentifier} was expected`;
    throw new BackupFailure('wrong-database', message, {
      remedy: found
        ? 'correct the URL, or the expected identifier'
        : 'GRANT EXECUTE ON FUNCTION pg_control_system TO the role',
    });
  }
  if (request.acceptNewIdentity || request.purpose === 'safety' || found === null) return;
  const backups = await firstListing([request.storage, ...(request.copies ?? [])]);
  const last = backups.findLast(
    ({ manifest, verifications }) =>
      manifest.source?.database === database &&
      manifest.purpose === 'regular' &&
      manifest.source.systemIdentifier !== null &&
      isAtLeast(verifications.state, 'decoded'),
  );
  const expected = last?.manifest.source?.systemIdentifier;
  if (!last || expected === found) return;
  throw new BackupFailure(
    'wrong-database',
    `${database} is on another cluster (${found}) than in the backup ${last.id} (${expected})`,
    { remedy: 'correct the URL; if the database was moved: --accept-new-identity' },
  );
}

/** What the first storage that can be asked holds: one that is down must not keep the others from getting a backup. */
async function firstListing(storages: readonly BackupStorage[]): Promise<readonly StoredBackup[]> {
  const failures: unknown[] = [];
  for (const storage of storages) {
    try {
      return (await listBackups(storage)).backups;
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}
