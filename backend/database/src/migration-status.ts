import type pg from 'pg';
import { migrationsDirectory, readMigrations } from './migrate.ts';

/** How far a database's schema is. Names of migrations, in the order in which they are applied. */
export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly missing: readonly string[];
  /** Begun and not finished: it stands in the way of all others. */
  readonly failed: readonly string[];
  /** Applied in another form than the files have now. */
  readonly changed: readonly string[];
}

/**
 * Compares a database with the migrations that it should have. Changes nothing.
 *
 * @param client connected
 * @param directory a folder of `<name>/migration.sql`; Clearway's own when left out
 */
export async function migrationStatus(
  client: pg.ClientBase,
  directory = migrationsDirectory,
): Promise<MigrationStatus> {
  const migrations = await readMigrations(directory);
  const rows = await recorded(client);
  const finished = new Map(rows.filter((row) => row.finished).map((row) => [row.name, row.checksum]));
  return {
    applied: migrations.filter(({ name }) => finished.has(name)).map(({ name }) => name),
    missing: migrations.filter(({ name }) => !finished.has(name)).map(({ name }) => name),
    failed: rows.filter((row) => !row.finished).map((row) => row.name),
    changed: migrations
      .filter(({ name, checksum }) => finished.has(name) && finished.get(name) !== checksum)
      .map(({ name }) => name),
  };
}

interface Recorded {
  readonly name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

async function recorded(client: pg.ClientBase): Promise<Recorded[]> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`,
  );
  if (!found[0]?.exists) return [];
  const { rows } = await client.query<Recorded>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return rows;
}
