import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { migrateDeploy, MigrationError, migrationsDirectory } from '../src/index.ts';
import { startTestServer, withTestDatabase, type TestDatabase, type TestServer } from '../src/testing/index.ts';
import { query, temporaryDirectory } from './support/temporary.ts';

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));
const prismaCli = fileURLToPath(new URL('../../../node_modules/prisma/build/index.js', import.meta.url));

let server: TestServer;
let database: TestDatabase;
let directory: ReturnType<typeof temporaryDirectory>;
let connectionString: string;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  directory = temporaryDirectory();
  database = await withTestDatabase({ migrations: null, serverUrl: server.url('postgres') });
  ({ connectionString } = database);
});
afterEach(async () => {
  await database.close();
  directory.remove();
});

function addMigration(name: string, sql: string): void {
  mkdirSync(join(directory.path, name), { recursive: true });
  writeFileSync(join(directory.path, name, 'migration.sql'), sql);
}

const deploy = (options: Partial<Parameters<typeof migrateDeploy>[0]> = {}): Promise<string[]> =>
  migrateDeploy({ connectionString, directory: directory.path, ...options });

interface CommandResult {
  readonly code: number;
  readonly output: string;
}

/** Prisma's own command line, with the schema engine of this package. */
function prisma(...words: string[]): Promise<CommandResult> {
  const environment = { ...process.env, DATABASE_URL: connectionString, PRISMA_HIDE_UPDATE_MESSAGE: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, [prismaCli, ...words], { cwd: packageDirectory, env: environment }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: out + err }),
    );
  });
}

describe('migrations', () => {
  test('bring an empty database up to date, as Prisma sees it', async () => {
    const applied = await migrateDeploy({ connectionString });
    expect(applied.length).toBeGreaterThanOrEqual(2);
    expect(await migrateDeploy({ connectionString })).toEqual([]);
    expect(await prisma('migrate', 'status')).toMatchObject({ code: 0, output: expect.stringContaining('up to date') });
  });

  test("set the database's time zone to UTC for every program", async () => {
    await query(
      connectionString,
      `ALTER DATABASE ${new URL(connectionString).pathname.slice(1)} SET timezone TO 'Asia/Tokyo'`,
    );
    await migrateDeploy({ connectionString });
    expect(await query(connectionString, 'SHOW timezone')).toEqual([{ TimeZone: 'UTC' }]);
  });

  test('keep the rows of a filled database', async () => {
    cpSync(migrationsDirectory, directory.path, { recursive: true });
    await deploy();
    await query(
      connectionString,
      `INSERT INTO alerts (id, type, severity, title, message, updated_at)
       SELECT gen_random_uuid(), 'load', 'INFO', n::text, '', now() FROM generate_series(1, 500) AS n`,
    );
    addMigration('99990101000000_later', `ALTER TABLE alerts ADD COLUMN source TEXT NOT NULL DEFAULT 'monitor'`);
    expect(await deploy()).toEqual(['99990101000000_later']);
    const rows = await query(connectionString, `SELECT count(*)::int AS n, min(source) AS source FROM alerts`);
    expect(rows).toEqual([{ n: 500, source: 'monitor' }]);
  });

  test('are applied once by three starters at once', async () => {
    addMigration('1_slow', 'CREATE TABLE made (n int); SELECT pg_sleep(0.2); INSERT INTO made VALUES (1)');
    addMigration('2_index', 'CREATE INDEX CONCURRENTLY made_n ON made (n)'); // deadlocks with a starter that waits in a lock
    const applied = await Promise.all([deploy(), deploy(), deploy()]);
    expect(applied.flat().sort()).toEqual(['1_slow', '2_index']);
    expect(await query(connectionString, 'SELECT n FROM made')).toEqual([{ n: 1 }]);
  });

  test('that were changed after they had been applied are warned of', async () => {
    addMigration('1_first', 'CREATE TABLE made ()');
    await deploy();
    addMigration('1_first', 'CREATE TABLE made (n int)');
    const messages: string[] = [];
    expect(await deploy({ log: (message) => messages.push(message) })).toEqual([]);
    expect(messages).toEqual([expect.stringContaining('1_first was changed after')]);
  });

  test('give up after the time allowed while another process migrates', async () => {
    const holder = new pg.Client({ connectionString });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock(72707369)');
    const refused = deploy({ lockTimeoutMs: 50 });
    await expect(refused).rejects.toThrow(/another process .* pg_locks/);
    await holder.end();
    expect(await deploy()).toEqual([]);
  });
});

describe('a failed migration', () => {
  beforeEach(() => {
    addMigration('1_first', 'CREATE TABLE made (n int); INSERT INTO made VALUES (1), (1)');
    addMigration('2_broken', 'CREATE TABLE half (); CREATE UNIQUE INDEX made_n ON made (n)');
    addMigration('3_later', 'CREATE TABLE later ()');
  });

  test('leaves nothing behind, says what to do, and stops those after it', async () => {
    const failed: unknown = await deploy().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(MigrationError);
    expect(failed).toMatchObject({ migration: '2_broken' });
    expect((failed as Error).message).toMatch(/2_broken failed: 23505 .*\(n\)=|could not create unique index/);
    expect((failed as Error).message).toContain('prisma migrate resolve --rolled-back 2_broken');
    const tables = await query(connectionString, `SELECT to_regclass('half') AS half, to_regclass('later') AS later`);
    expect(tables).toEqual([{ half: null, later: null }]);
    await expect(deploy()).rejects.toThrow(/2_broken failed earlier \(23505 .*resolve --rolled-back 2_broken/);
  });

  test('is mended by what the message says, without Prisma', async () => {
    const message = await deploy().then(
      () => '',
      (error: Error) => error.message,
    );
    const statement = /"(UPDATE _prisma_migrations [^"]+)"/.exec(message)?.[1] ?? '';
    await query(connectionString, statement);
    await query(connectionString, 'DELETE FROM made WHERE ctid <> (SELECT min(ctid) FROM made)');
    expect(await deploy()).toEqual(['2_broken', '3_later']);
  });

  test("is mended by Prisma's own command", async () => {
    const name = '20261122000100_jobs_and_alerts';
    await query(connectionString, 'CREATE TABLE alerts ()');
    await expect(migrateDeploy({ connectionString })).rejects.toThrow(/"alerts" already exists/);
    expect(await prisma('migrate', 'status')).toMatchObject({ code: 1 });
    await query(connectionString, 'DROP TABLE alerts');
    expect(await prisma('migrate', 'resolve', '--rolled-back', name)).toMatchObject({ code: 0 });
    expect((await migrateDeploy({ connectionString }))[0]).toBe(name);
  });
});

describe('the drift check', () => {
  const diff = (schema: string): Promise<CommandResult> =>
    prisma('migrate', 'diff', '--from-migrations', migrationsDirectory, '--to-schema', schema, '--exit-code');

  test('finds the migrations and the schema to be the same', async () => {
    expect(await diff('prisma/schema.prisma')).toMatchObject({
      code: 0,
      output: expect.stringContaining('No difference'),
    });
  });

  test('finds a column that no migration makes', async () => {
    const changed = join(directory.path, 'schema.prisma');
    const schema = readFileSync(join(packageDirectory, 'prisma', 'schema.prisma'), 'utf8');
    writeFileSync(changed, schema.replace('model Alert {', 'model Alert {\n  runbook String?'));
    expect(await diff(changed)).toMatchObject({ code: 2, output: expect.stringContaining('runbook') });
  });

  test('leaves no shadow database behind', async () => {
    await diff('prisma/schema.prisma');
    const rows = await query(connectionString, "SELECT datname FROM pg_database WHERE datname LIKE 'prisma_migrate%'");
    expect(rows).toEqual([]);
  });
});
