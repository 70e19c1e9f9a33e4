import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { installMonitoring, migrationsDirectory } from '../src/index.ts';
import { MONITORING_QUERIES } from '../src/monitoring/functions/all-queries.ts';
import { MONITORING_SQL } from '../src/monitoring/functions/install-monitoring.ts';
import { startTestServer, withTestDatabase, type TestDatabase, type TestServer } from '../src/testing/index.ts';

test('the newest migration installs what the monitor asks (else: npm run generate:monitoring -w backend/database)', () => {
  const newest = readdirSync(migrationsDirectory)
    .filter((name) => name.endsWith('_monitoring_functions'))
    .sort()
    .at(-1);
  const sql = readFileSync(join(migrationsDirectory, newest ?? '', 'migration.sql'), 'utf8');
  expect(sql.slice(sql.indexOf('\n') + 1)).toBe(MONITORING_SQL);
});

const FILL = `
  CREATE TABLE orders (id serial PRIMARY KEY, owner text, amount int, note text);
  INSERT INTO orders (owner, amount, note) SELECT 'owner' || n % 100, n, repeat('x', 100) FROM generate_series(1, 20000) n;
  CREATE INDEX orders_amount ON orders (amount);
  CREATE INDEX orders_amount_again ON orders (amount);
  ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
  CREATE POLICY per_row ON orders USING (owner = current_setting('app.owner', true));
  CREATE POLICY per_query ON orders USING (owner = (SELECT current_setting('app.owner', true)));
  CREATE TABLE few (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
  CREATE SEQUENCE small AS smallint; CREATE TABLE counted (n smallint DEFAULT nextval('small'));
  ALTER SEQUENCE small OWNED BY counted.n;
  SELECT setval('small', 31457); SELECT setval('orders_id_seq', 1073741824);
  DELETE FROM orders WHERE id % 2 = 0;
  VACUUM ANALYZE orders;`;

describe.each([15, 18])('the monitoring functions on PostgreSQL %i', (major) => {
  let server: TestServer;
  let database: TestDatabase;
  const clients: pg.Client[] = [];
  let owner: pg.Client;
  let watcher: pg.Client;
  let stranger: pg.Client;

  async function connect(role?: string): Promise<pg.Client> {
    const url = new URL(database.connectionString);
    if (role !== undefined) [url.username, url.password] = [role, 'test'];
    const client = new pg.Client({ connectionString: url.toString(), application_name: `test-${role ?? 'owner'}` });
    clients.push(client);
    await client.connect();
    return client;
  }

  async function call<Row>(client: pg.Client, name: string, ...values: unknown[]): Promise<Row[]> {
    const places = values.map((_value, i) => `$${i + 1}`).join(', ');
    return (await client.query(`SELECT * FROM monitoring.${name}(${places})`, values)).rows as Row[];
  }

  beforeAll(async () => {
    server = await startTestServer(major === 15 ? {} : { major });
    database = await withTestDatabase({ migrations: null, serverUrl: server.url('postgres') });
    await installMonitoring(database.connectionString);
    owner = await connect();
    for (const statement of FILL.split(/;\s*\n/)) await owner.query(statement);
    await owner.query(`CREATE ROLE watcher LOGIN PASSWORD 'test'; GRANT pg_monitor TO watcher;
      CREATE ROLE stranger LOGIN PASSWORD 'test'`);
    watcher = await connect('watcher');
    stranger = await connect('stranger');
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.end()));
    await database?.close();
    await server?.stop();
  });

  test('answer every role, with the columns that they are defined with', async () => {
    expect(
      (await owner.query<{ v: number }>(`SELECT current_setting('server_version_num')::int / 10000 AS v`)).rows,
    ).toEqual([{ v: major }]);
    for (const { name, columns, parameters = [] } of MONITORING_QUERIES) {
      const needed = parameters.filter((parameter) => parameter.default === undefined);
      const values = needed.map(({ type }) => (type === 'text[]' ? ['1'] : 'orders'));
      for (const client of [owner, watcher, stranger]) {
        const places = values.map((_value, i) => `$${i + 1}`).join(', ');
        const { fields } = await client.query(`SELECT * FROM monitoring.${name}(${places})`, values);
        expect(fields.map((field) => field.name)).toEqual(Object.keys(columns));
      }
    }
  });

  test('show sessions of others to pg_monitor, and count them as hidden for everybody else', async () => {
    const [known] = await call<Record<string, number>>(watcher, 'get_connection_count');
    expect(known).toMatchObject({
      total: 3,
      max_connections: 200,
      usable: 197,
      reserved: 3,
      hidden: 0,
      used_percent: 1.52,
    });
    expect(await call(stranger, 'get_connection_count')).toMatchObject([{ total: 3, hidden: 2 }]);
    expect(await call(stranger, 'get_connection_stats')).toMatchObject([{ total: 2, hidden: 2 }]);
    const hidden = await call<{ visible: boolean; query: string | null }>(stranger, 'get_long_running_connections');
    expect(hidden.map(({ visible, query }) => ({ visible, query }))).toEqual([
      { visible: false, query: null },
      { visible: false, query: null },
    ]);
    expect(await call(watcher, 'get_long_running_connections')).toEqual([]);
  });

  test('say what a role cannot see, and how to mend it', async () => {
    const missing = async (client: pg.Client) =>
      (await call<{ capability: string; available: boolean }>(client, 'get_capabilities'))
        .filter(({ available }) => !available)
        .map(({ capability }) => capability);
    expect(await missing(watcher)).toEqual([]);
    expect(await missing(stranger)).toEqual(['sessions', 'statement texts', 'sequences', 'bloat', 'replication']);
    const [first] = await call<Record<string, unknown>>(stranger, 'get_capabilities');
    expect(first).toMatchObject({
      reason: expect.stringContaining('stranger'),
      remedy: 'GRANT pg_monitor TO stranger',
    });
  });

  test("know a sequence's end by the column that it fills, and lend their owner's rights to pg_monitor", async () => {
    const usage = (client: pg.Client) =>
      call<{ sequence_name: string; used_percent: number | null; visible: boolean }>(client, 'get_sequence_usage', 50);
    expect(await usage(watcher)).toMatchObject([
      {
        sequence_name: 'small',
        column_name: 'public.counted.n',
        used_percent: 96,
        limited_by: 'the sequence',
        visible: true,
      },
      { sequence_name: 'orders_id_seq', used_percent: 50, limit_value: '2147483647' },
    ]);
    expect((await usage(stranger)).map(({ visible, used_percent }) => [visible, used_percent])).toEqual([
      [false, null],
      [false, null],
      [false, null],
    ]);
    await owner.query(`ALTER SEQUENCE small AS bigint MAXVALUE 1000000`);
    expect(await usage(watcher)).toMatchObject([
      { sequence_name: 'small', limited_by: "the column's type smallint" },
      {},
    ]);
  });

  test('estimate bloat near to what is there', async () => {
    const rows = await call<{ index_name: string | null; bloat_percent: number }>(watcher, 'get_bloat', 0);
    const table = rows.find((row) => row.index_name === null);
    expect(table).toMatchObject({ table_name: 'orders', visible: true });
    expect(table?.bloat_percent).toBeGreaterThan(40);
    expect(table?.bloat_percent).toBeLessThan(60);
    expect(await call(stranger, 'get_bloat', 0)).toMatchObject([{ visible: false, bloat_bytes: null }, {}, {}, {}]);
  });

  test('find policies that are evaluated for every row, and indexes that only cost', async () => {
    const findings = await call<{ finding: string; policy_name: string | null }>(watcher, 'check_rls_performance');
    expect(findings.map(({ finding, policy_name }) => `${finding} ${policy_name}`)).toEqual([
      'column_without_index per_query',
      'column_without_index per_row',
      'function_per_row per_row',
      'several_permissive_policies null',
    ]);
    expect(await call(watcher, 'get_index_problems')).toMatchObject([
      { problem: 'duplicate', index_name: 'orders_amount_again', other_index: 'orders_amount' },
    ]);
    const unused = await call<{ index_name: string }>(watcher, 'get_unused_indexes');
    expect(unused.map(({ index_name }) => index_name).sort()).toEqual(['orders_amount', 'orders_amount_again']);
  });

  test('do not wait for a table that somebody holds, and say who waits for whom', async () => {
    const holder = await connect();
    await holder.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    const waiter = await connect();
    const waiting = waiter.query("SELECT count(*) FROM orders /*route='GET /orders'*/");
    const tree = async () => call<Record<string, unknown>>(watcher, 'get_blocking_tree');
    let rows = await tree();
    for (; rows.length < 2; rows = await tree());
    expect(rows).toMatchObject([
      {
        blocked_by: [],
        application: 'test-owner',
        state: 'idle in transaction',
        query: expect.stringContaining('LOCK'),
      },
      { relation_name: 'orders', lock_mode: 'AccessShareLock', query: expect.stringContaining('GET /orders') },
    ]);
    expect(rows[1]?.['blocked_by']).toEqual([rows[0]?.['pid']]);
    expect(await tree()).toHaveLength(2);
    // what waits for the table would wait for ever
    const sizes = await call<{ table_name: string; locked: boolean; total_bytes: string }>(
      watcher,
      'get_all_table_sizes',
    );
    const orders = sizes.find(({ table_name }) => table_name === 'orders');
    expect(orders?.locked).toBe(true);
    expect(Number(orders?.total_bytes)).toBeGreaterThan(2_000_000);
    await holder.query('ROLLBACK');
    await waiting;
  });

  test('tell which queries are slow and what the time goes to', async () => {
    await owner.query("SELECT count(*), 'find me' FROM generate_series(1, 100000)");
    const [found] = (await call<{ query: string; query_id: string }>(watcher, 'get_slow_queries', 0, 500)).filter(
      ({ query }) => query?.includes('generate_series') && query.startsWith('SELECT count'),
    );
    expect(found?.query).toBe('SELECT count(*), $1 FROM generate_series($2, $3)');
    expect(await call(watcher, 'get_query_texts', [found?.query_id])).toMatchObject([{ query: found?.query }]);
    const shares = await call<{ share_percent: number }>(watcher, 'get_query_performance', 1000);
    expect(shares.reduce((sum, { share_percent }) => sum + share_percent, 0)).toBeCloseTo(100, -1);
    const hidden = await call<{ visible: boolean; query: string | null }>(stranger, 'get_query_performance', 1000);
    expect(hidden.filter(({ visible }) => !visible).every(({ query }) => query === null)).toBe(true);
    expect(hidden.some(({ visible }) => !visible)).toBe(true);
  });
});

describe('an installation', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await withTestDatabase({ migrations: null });
  });
  afterAll(() => database?.close());

  async function asRole(role: string, sql: string): Promise<string> {
    const admin = new pg.Client({ connectionString: database.connectionString });
    await admin.connect();
    await admin.query(`DROP ROLE IF EXISTS ${role}`).catch(() => undefined);
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'test'; ${sql}`);
    await admin.end();
    const url = new URL(database.connectionString);
    [url.username, url.password] = [role, 'test'];
    return url.toString();
  }

  test('without rights changes nothing and is refused by the server', async () => {
    const url = await asRole(`no_rights_${process.pid}`, '');
    await expect(installMonitoring(url)).rejects.toMatchObject({ code: '42501' });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    expect((await client.query(`SELECT to_regnamespace('monitoring') AS found`)).rows).toEqual([{ found: null }]);
    await client.end();
  });

  test('is complete without the extension, which it says, and does nothing the second time', async () => {
    const { pathname } = new URL(database.connectionString);
    const role = `owner_${process.pid}`;
    const url = await asRole(role, `GRANT CREATE ON DATABASE "${pathname.slice(1)}" TO ${role}`);
    const first = await installMonitoring(url);
    expect(first).toMatchObject({
      changed: true,
      notices: [expect.stringContaining('permission denied to create extension')],
    });
    expect(await installMonitoring(url)).toMatchObject({ changed: false, version: first.version });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await expect(client.query('SELECT * FROM monitoring.get_slow_queries()')).rejects.toMatchObject({
      message: expect.stringContaining('pg_stat_statements is not installed in database'),
      hint: expect.stringContaining('CREATE EXTENSION pg_stat_statements'),
    });
    // another version is replaced, what is not ours stays
    await client.query(`COMMENT ON SCHEMA monitoring IS 'Clearway monitoring functions, 000000000000';
      CREATE FUNCTION monitoring.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`);
    expect(await installMonitoring(url)).toMatchObject({ changed: true });
    expect((await client.query('SELECT monitoring.mine() AS one')).rows).toEqual([{ one: 1 }]);
    await client.query('DROP SCHEMA monitoring CASCADE');
    await client.end();
  });
});
