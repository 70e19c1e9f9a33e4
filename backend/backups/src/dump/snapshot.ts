import type pg from 'pg';
import { asBackupFailure, BackupFailure } from '../failures.ts';
import { openSession, quoteQualified } from '../connection/session.ts';
import { lockDatabase } from '../lock/database-lock.ts';
import { listTables, type CatalogueTables } from '../manifest/tables.ts';

/** A transaction whose view of the database others can share, with the tables locked against being changed in form. */
export interface OpenSnapshot {
  readonly client: pg.Client;
  /** For `pg_dump --snapshot` and `SET TRANSACTION SNAPSHOT`. */
  readonly id: string;
  readonly tables: CatalogueTables;
  close(): Promise<void>;
}

const ATTEMPTS = 3;
const LOCK_BATCH = 200;

/**
 * Opens a snapshot that dump and manifest share. TRUNCATE and rewriting ALTER TABLE are outside of snapshots: one that
 * comes between the snapshot and the locks would leave a table empty in both, so then another snapshot is taken.
 *
 * @param lockWaitMs how long to wait for a table that another transaction changes
 * @throws BackupFailure `unreachable`, `permission-denied` or `dump-failed`
 */
export async function openSnapshot(connectionString: string, lockWaitMs: number): Promise<OpenSnapshot> {
  const client = await openSession({ connectionString, applicationName: 'clearway-backup', lockWaitMs });
  const close = (): Promise<void> => client.end().catch(() => {});
  try {
    for (let attempt = 1; ; attempt++) {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await lockDatabase(client, 'backup');
      const tables = await listTables(client);
      await lockTables(client, tables);
      if (!(await changedSince(client))) return { client, id: await exportSnapshot(client), tables, close };
      await client.query('ROLLBACK');
      if (attempt === ATTEMPTS)
        throw new BackupFailure('dump-failed', 'tables are truncated or rewritten again and again', {
          remedy: 'back up at a time without migrations',
        });
    }
  } catch (error) {
    await close();
    throw withRemedy(error);
  }
}

async function exportSnapshot(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
  return rows[0]?.id ?? '';
}

async function lockTables(client: pg.Client, { measured }: CatalogueTables): Promise<void> {
  for (let i = 0; i < measured.length; i += LOCK_BATCH) {
    const names = measured.slice(i, i + LOCK_BATCH).map(({ schema, name }) => quoteQualified(schema, name));
    await client.query(`LOCK TABLE ONLY ${names.join(', ONLY ')} IN ACCESS SHARE MODE`);
  }
}

/** Whether a table's file is another one than in the snapshot: pg_class is read as it was, the function as it is. */
async function changedSince(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_class WHERE relkind IN ('r', 'm') AND relpersistence <> 't' AND relfilenode <> 0
       AND relfilenode <> pg_relation_filenode(oid) LIMIT 1`,
  );
  return rowCount !== 0;
}

function withRemedy(error: unknown): BackupFailure {
  const failure = asBackupFailure(error, 'dump-failed');
  const { code } = error as { code?: string };
  if (code === '55P03') {
    const remedy = 'another transaction is changing a table: see who in pg_stat_activity, or back up later';
    return new BackupFailure('dump-failed', failure.message, { cause: error, remedy });
  }
  return failure;
}
