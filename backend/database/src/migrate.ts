import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/** The advisory lock that Prisma's own engine takes. */
const MIGRATION_LOCK = 72_707_369;
const LOCK_POLL_MS = 100;

/** Prisma's own table, to the letter: `prisma migrate` reads it and goes on from it. */
const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0)`;

/** Clearway's own migrations; found from the sources and from the built package. */
export const migrationsDirectory: string = fileURLToPath(new URL('../prisma/migrations', import.meta.url));

/** What `migrateDeploy` needs. */
export interface MigrateOptions {
  /** A direct connection: locks do not survive a pooler in transaction mode. */
  readonly connectionString: string;
  /** A folder of `<name>/migration.sql`; Clearway's own when left out. */
  readonly directory?: string;
  readonly log?: (message: string) => void;
  /** How long to wait while another process migrates, in milliseconds. */
  readonly lockTimeoutMs?: number;
}

/** Why the migrations could not be applied, and what to do. */
export class MigrationError extends Error {
  /** The migration that stands in the way; undefined when another process held the lock. */
  readonly migration: string | undefined;

  constructor(message: string, options: { migration?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'MigrationError';
    this.migration = options.migration;
  }
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/**
 * Applies the migrations that a database lacks, as `prisma migrate deploy` does (same table, checksums and lock), without
 * Prisma's command line. Several processes may do so at once: one applies, the others wait for it.
 *
 * @returns the names of those applied now, in order
 * @throws MigrationError when one fails or failed earlier, with how to mend it
 * @example
 * await migrateDeploy({ connectionString: database.url('clearway'), log: console.error });
 */
export async function migrateDeploy(options: MigrateOptions): Promise<string[]> {
  const log = options.log ?? (() => {});
  const migrations = await readMigrations(options.directory ?? migrationsDirectory);
  const client = new pg.Client({ connectionString: options.connectionString, application_name: 'clearway-migrate' });
  client.on('error', () => {}); // a connection that breaks also fails the query in progress
  await client.connect();
  try {
    await client.query(`SET lock_timeout = 0; SET statement_timeout = 0; SET TIME ZONE 'UTC'`);
    await takeLock(client, options.lockTimeoutMs ?? 60_000);
    await client.query(TABLE);
    const missing = await missingMigrations(client, migrations, log);
    for (const migration of missing) {
      await apply(client, migration);
      log(`applied migration ${migration.name}`);
    }
    return missing.map((migration) => migration.name);
  } finally {
    await client.end(); // the lock goes with the session
  }
}

/** Reads `<directory>/<name>/migration.sql`, in the order in which they are applied. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** Polled: a session that waits inside pg_advisory_lock() deadlocks with CREATE INDEX CONCURRENTLY. */
async function takeLock(client: pg.Client, limitMs: number): Promise<void> {
  for (const limit = performance.now() + limitMs; ; await sleep(LOCK_POLL_MS)) {
    const { rows } = await client.query<{ ok: boolean }>('SELECT pg_try_advisory_lock($1) AS ok', [MIGRATION_LOCK]);
    if (rows[0]?.ok) return;
    if (performance.now() > limit)
      throw new MigrationError(
        `another process has been migrating this database for more than ${limitMs} ms: ` +
          `wait for it, or find it with SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${MIGRATION_LOCK}`,
      );
  }
}

async function missingMigrations(
  client: pg.Client,
  migrations: readonly Migration[],
  log: (message: string) => void,
): Promise<Migration[]> {
  const { rows } = await client.query<{ name: string; checksum: string; finished: boolean; logs: string | null }>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished, logs
       FROM _prisma_migrations WHERE rolled_back_at IS NULL`,
  );
  const failed = rows.find((row) => !row.finished);
  if (failed)
    throw new MigrationError(
      `migration ${failed.name} failed earlier (${failed.logs ?? 'it was interrupted'}), and nothing is applied after it. ` +
        remedy(failed.name),
      { migration: failed.name },
    );
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  for (const { name, checksum } of migrations)
    if (applied.has(name) && applied.get(name) !== checksum)
      log(`warning: migration ${name} was changed after it had been applied; the database has its earlier form`);
  return migrations.filter((migration) => !applied.has(migration.name));
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const id = randomUUID();
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    checksum,
    name,
  ]);
  try {
    await client.query(sql); // one simple query: its statements run in one transaction
  } catch (error) {
    const { code, message } = error as pg.DatabaseError;
    const cause = [code, message].filter(Boolean).join(' ');
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, cause]).catch(() => {});
    throw new MigrationError(`migration ${name} failed: ${cause}. ${remedy(name)}`, { migration: name, cause: error });
  }
  await client.query('UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1', [id]);
}

function remedy(name: string): string {
  return (
    `Its statements were rolled back together, unless it says COMMIT or CONCURRENTLY itself. ` +
    `Mend ${name}/migration.sql or the data that it stumbled over, then mark it as rolled back with ` +
    `'npx prisma migrate resolve --rolled-back ${name}', or where Prisma is not installed with ` +
    `"UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '${name}' AND finished_at IS NULL", ` +
    `and start again`
  );
}
