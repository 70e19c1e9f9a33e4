import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { setUpDatabase, type SetupOptions } from '../src/setup/setup-database.ts';
import { connectionFinding } from '../src/setup/connection-finding.ts';
import { placeOf } from '../src/setup/provider.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';
import { query, temporaryDirectory } from './support/temporary.ts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

let database: TestDatabase;
beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
});
afterAll(() => database?.close());

const asRole = (name: string): string =>
  Object.assign(new URL(database.connectionString), { username: name, password: 'x' }).toString();
const findings = async (more: Partial<SetupOptions> = {}) => {
  const found = await setUpDatabase({ connectionString: database.connectionString, ...more });
  return Object.fromEntries(found.map(({ name, ...finding }) => [name, finding]));
};

describe('setting up a database', () => {
  test('looks first, and changes nothing with --check', async () => {
    const found = await findings({ checkOnly: true });
    expect(found).toMatchObject({
      connection: { status: 'ok' },
      version: { status: 'ok', detail: expect.stringMatching(/^PostgreSQL 1[5-8]/) },
      encoding: { status: 'ok' },
      migrations: { status: 'warning', detail: expect.stringContaining('are missing') },
      use: { status: 'skipped' },
    });
    expect(await query(database.connectionString, `SELECT to_regclass('alerts') AS found`)).toEqual([{ found: null }]);
  });

  test('names what the role may not do, with the statement that grants it, and migrates nothing then', async () => {
    await query(
      database.connectionString,
      `DO $$ BEGIN EXECUTE 'CREATE ROLE poor_${process.pid} LOGIN PASSWORD ''x'''; END $$`,
    );
    const found = await findings({ connectionString: asRole(`poor_${process.pid}`) });
    expect(found).toMatchObject({
      tables: { status: 'failed', remedy: `GRANT CREATE ON SCHEMA public TO "poor_${process.pid}"` },
      schemas: { status: 'failed', remedy: expect.stringContaining('GRANT CREATE ON DATABASE') },
      owner: { status: 'warning' },
      monitoring: { status: 'warning', remedy: `GRANT pg_monitor TO "poor_${process.pid}"` },
      migrations: { status: 'skipped' },
      use: { status: 'skipped' },
    });
    await query(database.connectionString, `DROP ROLE poor_${process.pid}`);
  });

  test('migrates, verifies by writing and reading, leaves nothing behind, and may be run again', async () => {
    expect(await findings()).toMatchObject({
      migrations: { status: 'ok', detail: expect.stringContaining('20261122000100_jobs_and_alerts') },
      use: { status: 'ok', detail: expect.stringMatching(/^\d+ tables/) },
    });
    expect(await findings()).toMatchObject({ migrations: { detail: 'all were applied before' } });
    expect(await query(database.connectionString, `SELECT to_regclass('clearway_setup_probe') AS found`)).toEqual([
      { found: null },
    ]);
  });

  test('stops at a migration that fails, and says what it says', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory.path, '1_bad'));
    writeFileSync(join(directory.path, '1_bad/migration.sql'), 'SELECT * FROM nowhere');
    const own = await withTestDatabase({ migrations: null });
    const found = await findings({ connectionString: own.connectionString, migrations: directory.path });
    expect(found).toMatchObject({
      migrations: { status: 'failed', detail: expect.stringContaining('1_bad failed: 42P01') },
      use: { status: 'skipped' },
    });
    await own.close();
    directory.remove();
  });

  test('says why there is no connection, and shows no password', async () => {
    const refused = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => refused.once('listening', resolve));
    const { port } = refused.address() as AddressInfo;
    await new Promise((resolve) => refused.close(resolve));
    const cases = [
      [`postgresql://u:hunter2@127.0.0.1:${port}/d`, 'nothing listens there'],
      [asRole('nobody-of-that-name'), 'user or password is refused'],
      [database.connectionString.replace(/\/test_\w+$/, '/nowhere'), 'there is no database nowhere'],
    ] as const;
    for (const [connectionString, detail] of cases) {
      const found = await findings({ connectionString });
      expect(found['connection']).toMatchObject({
        status: 'failed',
        detail: expect.stringContaining(detail),
        remedy: expect.any(String),
      });
      expect(JSON.stringify(found)).not.toContain('hunter2');
    }
  });
});

describe('the rules of providers', () => {
  test.each([
    ['postgresql://a:b@ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech/d', 'neon', true],
    ['postgresql://a:b@ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech/d', 'neon', false],
    ['postgresql://postgres.ref:b@aws-0-eu-central-1.pooler.supabase.com:6543/postgres', 'supabase', true],
    ['postgresql://postgres.ref:b@aws-0-eu-central-1.pooler.supabase.com:5432/postgres', 'supabase', false],
    ['postgresql://postgres:b@db.abcdefghijkl.supabase.co:6543/postgres', 'supabase', true],
    ['postgresql://postgres:b@db.abcdefghijkl.supabase.co:5432/postgres', 'supabase', false],
    ['postgresql://postgres:b@postgres.railway.internal:5432/railway', 'railway', false],
    ['postgresql://postgres:b@shuttle.proxy.rlwy.net:31337/railway', 'railway', false],
    ['postgresql://a:b@db.example.com:6543/d', 'own', false],
  ])('are known by the host: %s', (url, provider, isTransactionPooler) => {
    expect(placeOf(url)).toMatchObject({ provider, isTransactionPooler });
  });

  test('say what to do about each kind of refusal', () => {
    const of = (url: string, code: string) =>
      connectionFinding(Object.assign(new Error('x'), { code }), placeOf(url)).remedy;
    expect(of('postgresql://a:b@db.abc.supabase.co/d', 'ENETUNREACH')).toContain('session pooler');
    expect(of('postgresql://a:b@aws-0-x.pooler.supabase.com/d', '28P01')).toContain('postgres.REFERENCE');
    expect(of('postgresql://a:b@db.abc.supabase.co/d', 'SELF_SIGNED_CERT_IN_CHAIN')).toContain('sslrootcert=FILE');
    expect(of('postgresql://a:b@x.proxy.rlwy.net/d', 'SELF_SIGNED_CERT_IN_CHAIN')).toContain('private host');
    expect(of('postgresql://a:b@x.example.com/d', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')).toContain('sslrootcert=FILE');
  });
});
