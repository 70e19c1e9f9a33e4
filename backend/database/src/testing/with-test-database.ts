import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { migrateDeploy, migrationsDirectory, readMigrations } from '../migrate.ts';
import { sharedServerUrl } from './config/server-url.ts';
import { sharedTestServer, startTestServer, type TestServer } from './test-server.ts';

/** A database for one test file. */
export interface TestDatabase {
  readonly connectionString: string;
  /** Removes the database, and the server when no other test database of this process is on it. */
  close(): Promise<void>;
}

/** Which database a test file needs. */
export interface TestDatabaseOptions {
  /** Migrations to apply: Clearway's own when left out, `null` for an empty database. */
  readonly migrations?: string | null;
  /** URL of a server to use; by default `TEST_DATABASE_URL`, and a server of one's own when that is unset. */
  readonly serverUrl?: string;
}

const SESSIONS_END_MS = 2000;

let own: { readonly started: Promise<TestServer>; users: number } | undefined;

/**
 * Makes a fresh, migrated database. The migrations run once per server, into a template that every further database is
 * copied from.
 *
 * @example
 * let testDatabase: TestDatabase;
 * beforeAll(async () => { testDatabase = await withTestDatabase(); });
 * afterAll(() => testDatabase.close());
 */
export async function withTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const serverUrl = options.serverUrl ?? sharedServerUrl();
  const server = serverUrl ? sharedTestServer(serverUrl) : await acquireOwnServer();
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`;
  try {
    const template = options.migrations === null ? 'template0' : await migratedTemplate(server, options.migrations);
    await asAdmin(server, (admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
    await asAdmin(server, (admin) => admin.query(`ALTER DATABASE ${name} SET timezone TO 'UTC'`)); // not copied
  } catch (error) {
    if (!serverUrl) await releaseOwnServer();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await asAdmin(server, async (admin) => {
      await sessionsEnd(admin, name);
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    });
    if (!serverUrl) await releaseOwnServer();
  };
  return { connectionString: server.url(name), close: () => (closed ??= close()) };
}

/**
 * A pool says that it has ended before its sessions have: cut off then, they would be an error that nobody listens to any
 * more. What a test left open is waited for in vain.
 */
async function sessionsEnd(admin: pg.Client, name: string): Promise<void> {
  for (const limitMs = performance.now() + SESSIONS_END_MS; performance.now() < limitMs; await sleep(10)) {
    const { rowCount } = await admin.query('SELECT FROM pg_stat_activity WHERE datname = $1 LIMIT 1', [name]);
    if (rowCount === 0) return;
  }
}

async function acquireOwnServer(): Promise<TestServer> {
  own ??= { started: startTestServer(), users: 0 };
  own.users++;
  return own.started;
}

async function releaseOwnServer(): Promise<void> {
  if (!own || --own.users > 0) return;
  const { started } = own;
  own = undefined;
  await (await started).stop();
}

async function asAdmin<T>(server: TestServer, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: server.url('postgres') });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/** Named after the migrations' content, so a changed migration gets a template of its own. */
async function migratedTemplate(server: TestServer, directory = migrationsDirectory): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, checksum } of await readMigrations(directory)) hash.update(`${name} ${checksum}\n`);
  const template = `template_${hash.digest('hex').slice(0, 24)}`;
  await asAdmin(server, async (admin) => {
    await admin.query('SELECT pg_advisory_lock(hashtext($1))', [template]);
    const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (rowCount) return;
    const draft = `${template}_draft`;
    await admin.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${draft} TEMPLATE template0`);
    await migrateDeploy({ connectionString: server.url(draft), directory });
    await admin.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
  });
  return template;
}
