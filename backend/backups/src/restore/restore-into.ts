import { openDump } from '../archive/open-dump.ts';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { openSession } from '../connection/session.ts';
import type { OnProgress } from '../progress.ts';
import { createRoles } from './create-roles.ts';
import { readServerFacts, runArchive } from './run-archive.ts';

/** Where and how a dump is restored. */
export interface RestoreIntoOptions {
  /** An empty database. */
  readonly connectionString: string;
  /** Whether roles that the dump needs and the server has not are made. */
  readonly makeRoles: boolean;
  /** Whether the server is there for this restore alone. */
  readonly isOwnServer: boolean;
  /** Whether objects are given to their owners, with their rights; else all belong to whoever restores. */
  readonly withOwners: boolean;
  readonly identities?: readonly string[] | undefined;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Restores a backup into an empty database, and checks on the way that its file is what was stored.
 *
 * @throws BackupFailure `damaged`, `key-missing`, `key-wrong`, `restore-failed`, `unreachable`
 */
export async function restoreInto(backup: StoredBackup, options: RestoreIntoOptions): Promise<void> {
  const { connectionString, identities, onProgress, signal } = options;
  const dump = await openDump(backup, { identities });
  try {
    const client = await openSession({ connectionString, applicationName: 'clearway-restore' });
    try {
      if (options.makeRoles) await createRoles(client, backup.manifest.roles);
      await client.query('RESET search_path');
      const { makeRoles, withOwners } = options;
      const ownership = { withOwners, makeRoles: makeRoles && options.isOwnServer };
      const server = await readServerFacts(client);
      const hidesRows = backup.manifest.encryption !== null;
      await runArchive(client, dump.archive, { onProgress, signal, server, hidesRows, ...ownership });
      await dump.finish();
      await client.query('ANALYZE');
    } finally {
      await client.end().catch(() => {});
    }
  } finally {
    dump.close();
  }
}
