import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { readNumber, readOffending } from '../src/monitoring/read-only/read-offending.ts';
import { QueryError } from '../src/monitoring/read-only/query-error.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

const BOUNDS = { timeoutMs: 1000, lockTimeoutMs: 50 };
let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
  client = new pg.Client({ connectionString: database.connectionString });
  await client.connect();
  await client.query(`
    CREATE TABLE posts (id int PRIMARY KEY, email text);
    INSERT INTO posts SELECT n, 'someone' || n || '@example.com' FROM generate_series(1, 500) AS n;
    CREATE FUNCTION undeclared() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
    CREATE FUNCTION hidden_write() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN DELETE FROM posts; RETURN 1; END';
    CREATE VIEW writing_view AS SELECT id, undeclared() FROM posts`);
});
afterAll(async () => {
  await client?.end();
  await database?.close();
});

let before: unknown;
const state = async () =>
  (await client.query<object>('SELECT count(*) AS n, max(id), md5(string_agg(email, id::text)) FROM posts')).rows;
beforeEach(async () => {
  before = await state();
});

const offending = (sql: string, more = {}) =>
  readOffending(client, { sql, key: ['id'], sampleSize: 2, maxRows: 100, ...more }, BOUNDS);
const refusal = async (sql: string): Promise<QueryError> => {
  const error: unknown = await offending(sql).catch((caught: unknown) => caught);
  if (!(error instanceof QueryError)) throw new Error(`not refused: ${sql}`);
  return error;
};

describe('a query of the configuration', () => {
  test('gives a count and a bounded sample of keys, and no other column', async () => {
    expect(await offending('SELECT * FROM posts WHERE id <= 5 ORDER BY id')).toEqual({
      count: 5,
      isBound: false,
      sample: [{ id: '1' }, { id: '2' }],
    });
    expect(await offending('TABLE posts;')).toMatchObject({ count: 100, isBound: true });
    expect(await offending('SELECT id FROM posts WHERE false -- none')).toEqual({
      count: 0,
      isBound: false,
      sample: [],
    });
  });

  test('that produces rows without end is counted up to the bound', async () => {
    expect(await offending('SELECT generate_series(1, 1000000000000) AS id')).toMatchObject({
      count: 100,
      isBound: true,
    });
  });

  test.each([
    ['not_a_query', 'hello'],
    ['not_a_query', ''],
    ['not_a_query', '-- only a comment'],
    ['not_a_query', 'VACUUM posts'],
    ['not_a_query', 'COMMIT'],
    ['not_a_query', 'SET statement_timeout = 0'],
    ['not_a_query', 'CREATE TABLE made AS SELECT 1 AS id'],
    ['not_a_query', 'SELECT id FROM posts) AS q, (SELECT 1'],
    ['not_a_query', 'DECLARE c CURSOR FOR SELECT 1'],
    ['several_statements', 'SELECT id FROM posts; DROP TABLE posts'],
    ['several_statements', 'SELECT 1 AS id; COMMIT; DELETE FROM posts'],
    ['parameters', 'SELECT id FROM posts WHERE id = $1::int'],
    ['writes', 'DELETE FROM posts RETURNING id'],
    ['writes', 'WITH gone AS (DELETE FROM posts RETURNING id) SELECT id FROM gone'],
    ['writes', "INSERT INTO posts VALUES (501, '') RETURNING id"],
    ['writes', 'SELECT id FROM posts FOR UPDATE'],
    ['side_effects', 'SELECT id FROM posts WHERE pg_advisory_lock(id) IS NULL'],
    ['side_effects', 'SELECT id FROM posts WHERE pg_terminate_backend(id)'],
    ['side_effects', "SELECT 1 AS id, pg_read_file('/etc/passwd')"],
    ['side_effects', "SELECT 1 AS id FROM set_config('transaction_read_only', 'off', true)"],
    ['side_effects', "SELECT 1 AS id, query_to_xml('DELETE FROM posts', true, true, '')"],
    ['side_effects', 'SELECT id, lo_create(0) FROM posts'],
    ['side_effects', 'SELECT id FROM writing_view'],
    ['side_effects', 'SELECT id FROM posts ORDER BY undeclared()'],
    ['timeout', 'WITH RECURSIVE r (id) AS (SELECT 1 UNION ALL SELECT id FROM r) SELECT id FROM r WHERE id = 2'],
    ['timeout', 'SELECT a.id FROM posts a, posts b, posts c, posts d WHERE a.id + b.id + c.id + d.id = 0'],
    ['wrong_shape', 'SELECT email FROM posts'],
    ['failed', 'SELECT id FROM nowhere'],
    ['failed', 'SELECT 1 / (id - 1) AS id FROM posts'],
    ['writes', 'SELECT hidden_write() AS id'],
  ])('is refused as %s, in words and with a remedy, and changes nothing: %s', async (problem, sql) => {
    const error = await refusal(sql);
    expect(error.problem).toBe(problem);
    expect(error.message).not.toBe('');
    expect(error.remedy).not.toBe('');
    expect(await state()).toEqual(before);
    const { rows } = await client.query(
      `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`,
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  test('that reads a locked table gives up in time and holds nobody up', async () => {
    const holder = new pg.Client({ connectionString: database.connectionString });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE');
    const error = await refusal('SELECT id FROM posts');
    expect([error.problem, error.isFault]).toEqual(['locked', false]);
    await holder.end();
  });

  test('that the role may not read, or only in part, is no result', async () => {
    await client.query(`CREATE ROLE reader_${process.pid} LOGIN PASSWORD 'x'; CREATE TABLE secret (id int);
      CREATE TABLE partly (id int); ALTER TABLE partly ENABLE ROW LEVEL SECURITY; GRANT SELECT ON partly TO reader_${process.pid}`);
    const url = new URL(database.connectionString);
    Object.assign(url, { username: `reader_${process.pid}`, password: 'x' });
    const reader = new pg.Client({ connectionString: url.toString() });
    await reader.connect();
    const ask = (sql: string) =>
      readOffending(reader, { sql, key: ['id'], sampleSize: 1, maxRows: 1 }, BOUNDS).catch((error: unknown) => error);
    expect(await ask('SELECT id FROM secret')).toMatchObject({ problem: 'no_rights', isFault: false });
    expect(await ask('SELECT id FROM partly')).toMatchObject({
      problem: 'no_rights',
      remedy: expect.stringContaining('BYPASSRLS'),
    });
    await reader.end();
    await client.query(`DROP OWNED BY reader_${process.pid}; DROP ROLE reader_${process.pid}`);
  });

  test('runs with one process of the server and leaves no setting behind', async () => {
    await offending('SELECT 1 AS id');
    const { rows } = await client.query(
      `SELECT current_setting('statement_timeout') AS timeout, current_setting('transaction_read_only') AS read_only`,
    );
    expect(rows).toEqual([{ timeout: '0', read_only: 'off' }]);
  });
});

describe('a query for a number', () => {
  test('gives it, and undefined for NULL', async () => {
    expect(await readNumber(client, 'SELECT count(*) FROM posts', BOUNDS)).toBe(500);
    expect(await readNumber(client, 'SELECT 0.5::numeric', BOUNDS)).toBe(0.5);
    expect(await readNumber(client, 'SELECT max(id) FROM posts WHERE false', BOUNDS)).toBeUndefined();
  });

  test.each(['SELECT 1, 2', 'SELECT id FROM posts', "SELECT 'many'", 'SELECT 1 WHERE false', 'SELECT'])(
    'is refused when it returns something else: %s',
    async (sql) => {
      await expect(readNumber(client, sql, BOUNDS)).rejects.toMatchObject({ problem: 'wrong_shape' });
    },
  );
});
