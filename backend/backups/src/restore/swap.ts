import type pg from 'pg';
import { openSession, quoteName } from '../connection/session.ts';
import { asBackupFailure, BackupFailure } from '../failures.ts';

/** Names of a swap. */
export interface SwapNames {
  /** The name that both want. */
  readonly database: string;
  /** What has it now gets this one; null when nothing has it. */
  readonly oldDatabase: string | null;
  /** What gets it. */
  readonly newDatabase: string;
}

const RETRY_MS = 100;

/** The server does not let this role, or any, do that. */
export class SwapNotAllowed extends Error {}

/**
 * Gives a database the name of another, in one transaction: whoever connects sees the one or the other. Connections to
 * either are ended; new ones wait until it is done.
 *
 * @param serverUrl a database of the server that takes no part in it
 * @throws SwapNotAllowed when the role may not rename, BackupFailure `swap-refused` when connections do not go
 */
export async function swapDatabases(serverUrl: string, names: SwapNames): Promise<void> {
  const { database, oldDatabase, newDatabase } = names;
  const options = { connectionString: serverUrl, applicationName: 'clearway-restore' };
  const admin = await openSession(options);
  const usher = await openSession(options);
  const stop = endConnections(usher, [database, newDatabase]);
  try {
    await admin.query('BEGIN');
    // each holds off new connections to that database from here on, and waits up to five seconds for the others to go
    if (oldDatabase !== null) await rename(admin, database, oldDatabase);
    await rename(admin, newDatabase, database);
    await admin.query('COMMIT');
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '42501' || code === '0A000') throw new SwapNotAllowed((error as Error).message, { cause: error });
    if (code === '55006')
      throw new BackupFailure('swap-refused', (error as Error).message, {
        cause: error,
        remedy: 'stop what holds connections to the database, and restore again',
      });
    throw asBackupFailure(error, 'swap-refused');
  } finally {
    await stop();
    await admin.end().catch(() => {});
    await usher.end().catch(() => {});
  }
}

const rename = (admin: pg.Client, from: string, to: string): Promise<unknown> =>
  admin.query(`ALTER DATABASE ${quoteName(from)} RENAME TO ${quoteName(to)}`);

/** Ends the connections to databases until it is told to stop. Those of roles with more rights stay. */
function endConnections(usher: pg.Client, databases: readonly string[]): () => Promise<void> {
  let isOver = false;
  let wake = (): void => {};
  const sweep = async (): Promise<void> => {
    while (!isOver) {
      await endConnectionsOnce(usher, databases).catch(() => {});
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, RETRY_MS);
      });
    }
  };
  const done = sweep();
  return () => {
    isOver = true;
    wake();
    return done;
  };
}

/** Tells the connections to databases to go, as far as the role may. Returns how many there were. */
export async function endConnectionsOnce(usher: pg.Client, databases: readonly string[]): Promise<number> {
  const { rows } = await usher.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = ANY ($1) AND pid <> pg_backend_pid()`,
    [databases],
  );
  for (const { pid } of rows) await usher.query('SELECT pg_terminate_backend($1)', [pid]).catch(() => {});
  return rows.length;
}

/** Whether a database of this name exists. */
export async function databaseExists(admin: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  return rowCount !== 0;
}

/** Removes a database, with whoever is connected to it. */
export async function dropDatabase(admin: pg.Client, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${quoteName(name)} WITH (FORCE)`);
}
