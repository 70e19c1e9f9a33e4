import type pg from 'pg';
import { openDump } from '../archive/open-dump.ts';
import type { StoredBackup } from '../catalogue/catalogue.ts';
import { openSession, quoteName } from '../connection/session.ts';
import { compareContent } from '../manifest/compare.ts';
import type { OnProgress } from '../progress.ts';
import { differenceFailure } from '../verify/verify.ts';
import { createRoles } from './create-roles.ts';
import { readServerFacts, runArchive } from './run-archive.ts';

/** How a database is emptied and filled again. */
export interface InPlaceOptions {
  readonly connectionString: string;
  readonly makeRoles?: boolean | undefined;
  /** Whether objects are given to their owners, with their rights. */
  readonly withOwners: boolean;
  readonly identities?: readonly string[] | undefined;
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Empties a database, fills it from a backup and compares it, all in one transaction: until the comparison has passed,
 * and when anything fails or the process is killed, the database is as it was.
 *
 * @returns whether it is equal to the manifest; null without one
 */
export async function restoreInPlace(backup: StoredBackup, options: InPlaceOptions): Promise<boolean | null> {
  const { connectionString, identities, onProgress, signal } = options;
  const { content, roles, encryption } = backup.manifest;
  const dump = await openDump(backup, { identities });
  try {
    const client = await openSession({ connectionString, applicationName: 'clearway-restore' });
    try {
      await client.query('BEGIN');
      if (options.makeRoles) await createRoles(client, roles);
      await emptyDatabase(client);
      await client.query(`SELECT set_config('search_path', '', false)`);
      const server = await readServerFacts(client);
      await runArchive(client, dump.archive, {
        onProgress,
        signal,
        server,
        withOwners: options.withOwners,
        isOneTransaction: true,
        hidesRows: encryption !== null,
      });
      await dump.finish();
      if (content) await assertEqual(client, backup.manifest, options);
      await client.query('COMMIT');
      // it is restored, also when the server goes away now
      await client.query('ANALYZE').catch(() => {});
      return content ? true : null;
    } finally {
      await client.end().catch(() => {});
    }
  } finally {
    dump.close();
  }
}

async function assertEqual(
  client: pg.Client,
  { content, source }: StoredBackup['manifest'],
  options: InPlaceOptions,
): Promise<void> {
  // what the dump has set must not decide how values look
  await client.query(`SELECT set_config('search_path', 'pg_catalog', true), set_config('row_security', 'off', true)`);
  if (!content) return;
  const differences = await compareContent(client, content, { ...options, owner: source?.owner ?? '' });
  if (differences.length > 0) throw differenceFailure(differences);
}

/** What is dropped, in an order in which nothing stands in the way. */
const DROPS = `
SELECT format('DROP EVENT TRIGGER IF EXISTS %I CASCADE', evtname) AS sql FROM pg_event_trigger
UNION ALL SELECT format('DROP PUBLICATION IF EXISTS %I CASCADE', pubname) FROM pg_publication
UNION ALL SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT format('DROP SERVER IF EXISTS %I CASCADE', srvname) FROM pg_foreign_server
UNION ALL SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'`;

/** Removes everything of a database, and makes the schema `public` as a new database has it. */
async function emptyDatabase(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ sql: string }>(DROPS);
  for (const { sql } of rows) await client.query(sql);
  await client.query('SELECT lo_unlink(oid) FROM pg_largeobject_metadata');
  const schema = quoteName('public');
  await client.query(`CREATE SCHEMA ${schema}`);
  await client.query(`ALTER SCHEMA ${schema} OWNER TO pg_database_owner`);
  await client.query(`GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`);
  await client.query(`COMMENT ON SCHEMA ${schema} IS 'standard public schema'`);
}
