import pg from 'pg';

const DUPLICATE_DATABASE = '42P04';
/** Two that create a database at once collide on the template or on the catalog's unique index. */
const UNIQUE_VIOLATION = '23505';

/**
 * Creates the databases that do not exist yet; others may do the same at the same time.
 *
 * @param adminUrl connection URL of a database that exists
 */
export async function createMissingDatabases(adminUrl: string, names: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>('SELECT datname FROM pg_database');
    const existing = new Set(rows.map((row) => row.datname));
    for (const name of names) if (!existing.has(name)) await createDatabase(client, name);
  } finally {
    await client.end();
  }
}

async function createDatabase(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== DUPLICATE_DATABASE && code !== UNIQUE_VIOLATION) throw error;
  }
}
