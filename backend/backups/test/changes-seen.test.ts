import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { openSession, withSession } from '../src/connection/session.ts';
import { measureDatabase } from '../src/index.ts';
import { compareContent } from '../src/manifest/compare.ts';
import type { ManifestContent } from '../src/manifest/schema.ts';
import { listSequences, readSequences } from '../src/manifest/sequences.ts';
import { openBench, openBenchServer, type BenchServer } from './support/bench.ts';

const SCHEMA = (role: string): string => `
CREATE ROLE ${role};
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE TABLE other (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, a varchar(20) DEFAULT 'x', b text COLLATE "C" NOT NULL, m mood, d small,
  o int CONSTRAINT to_other REFERENCES other);
INSERT INTO other VALUES (1), (2);
INSERT INTO t VALUES (1, 'a', 'b', 'sad', 1, 1), (2, 'c', 'd', 'happy', 2, 2), (3, NULL, '', NULL, NULL, NULL);
CREATE INDEX by_a ON t (a);
CREATE VIEW seen AS SELECT id FROM t;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON t FOR SELECT USING (true);
CREATE SEQUENCE s;
CREATE PUBLICATION p FOR TABLE t;
CREATE TABLE parts (k int) PARTITION BY LIST (k);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1, 2);
COMMENT ON TABLE t IS 'a table';
SELECT lo_from_bytea(4711, 'abc');
`;

/** Changes, by the name of what must be told. */
const CHANGES: readonly (readonly [told: RegExp, sql: string])[] = [
  [/rows public\.t/, `UPDATE t SET a = b, b = coalesce(a, '') WHERE id = 1`],
  [/rows public\.t/, `UPDATE t SET a = '' WHERE id = 3`],
  [/rows public\.t/, `DELETE FROM t WHERE id = 3; INSERT INTO t (id, b) VALUES (4, '')`],
  [/large objects/, `SELECT lo_put(4711, 1, 'x')`],
  [/columns public\.t/, `ALTER TABLE t ALTER a DROP DEFAULT`],
  [/columns public\.t/, `ALTER TABLE t ALTER b DROP NOT NULL`],
  [/columns public\.t/, `ALTER TABLE t ALTER a TYPE varchar(30)`],
  [/columns public\.t/, `ALTER TABLE t ALTER b TYPE text COLLATE "default"`],
  [/columns public\.t/, `ALTER TABLE t ALTER b SET STATISTICS 77`],
  [/columns public\.other/, `ALTER TABLE other ALTER id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME t_ids)`],
  [/columns public\.seen/, `DROP VIEW seen; CREATE VIEW seen AS SELECT id::text FROM t`],
  [
    /key to_other/,
    `ALTER TABLE t DROP CONSTRAINT to_other, ADD CONSTRAINT to_other FOREIGN KEY (o) REFERENCES other ON DELETE CASCADE`,
  ],
  [/index columns public\.by_a/, `DROP INDEX by_a; CREATE UNIQUE INDEX by_a ON t (a)`],
  [/index columns public\.by_a/, `DROP INDEX by_a; CREATE INDEX by_a ON t (a DESC)`],
  [/option public\.by_a/, `ALTER INDEX by_a SET (fillfactor = 50)`],
  [/option public\.t/, `ALTER TABLE t SET (autovacuum_enabled = off)`],
  [/option public\.t/, `ALTER TABLE t FORCE ROW LEVEL SECURITY`],
  [/option public\.t/, `ALTER TABLE t REPLICA IDENTITY FULL`],
  [/option public\.seen/, `ALTER VIEW seen SET (security_barrier)`],
  [/not enabled touched/, `ALTER TABLE t DISABLE TRIGGER touched`],
  [/policy rule own/, `DROP POLICY own ON t; CREATE POLICY own ON t AS RESTRICTIVE FOR SELECT USING (true)`],
  [/sequence bounds public\.s/, `ALTER SEQUENCE s CACHE 7`],
  [/enum label public\.mood/, `ALTER TYPE mood ADD VALUE 'calm' BEFORE 'sad'`],
  [/domain rule public\.small/, `ALTER DOMAIN small SET DEFAULT 5`],
  [/code public\.one/, `CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 2'`],
  [/code public\.one/, `ALTER FUNCTION one() SECURITY DEFINER`],
  [/publication rule p/, `ALTER PUBLICATION p ADD TABLE other`],
  [
    /parent table public\.part/,
    `ALTER TABLE parts DETACH PARTITION part; ALTER TABLE parts ATTACH PARTITION part FOR VALUES IN (1, 3)`,
  ],
  [/comment table public\.t/, `COMMENT ON TABLE t IS 'another'`],
  [/comment large object 4711/, `COMMENT ON LARGE OBJECT 4711 IS 'said'`],
  [/other object operator public\.===/, `CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)`],
  [/grant public\.t to /, `GRANT SELECT ON t TO ROLE_OF_TEST`],
  [/owner public\.t: /, `ALTER TABLE t OWNER TO ROLE_OF_TEST`],
];

describe('a restored database that differs', () => {
  let server: BenchServer;
  let client: pg.Client;
  let content: ManifestContent;
  let owner: string;
  let role: string;

  beforeAll(async () => {
    server = await openBenchServer();
    role = server.name('seen');
    const connectionString = await server.makeDatabase('changes', SCHEMA(role));
    ({
      content,
      source: { owner },
    } = await measureDatabase(connectionString));
    client = await openSession({ connectionString, applicationName: 'test' });
  });
  afterAll(async () => {
    await client?.end();
    await server?.close();
  });

  /** What is told of a change, which is undone afterwards. */
  async function toldOf(sql: string, expected = content): Promise<string[]> {
    await client.query('BEGIN; SET LOCAL search_path = public');
    try {
      await client.query(`${sql.replace('ROLE_OF_TEST', role)}; SET LOCAL search_path = pg_catalog`);
      const differences = await compareContent(client, expected, { owner, withOwners: true, onProgress: () => {} });
      return differences.map(({ kind, name }) => `${kind} ${name}`);
    } finally {
      await client.query('ROLLBACK');
    }
  }

  test('in nothing is not called different', async () => {
    expect(await toldOf('SELECT 1')).toEqual([]);
  });

  test.each(CHANGES)('%s is told after %s', async (told, sql) => {
    expect((await toldOf(sql)).join('\n')).toMatch(told);
  });

  test('from a manifest without details is compared without them', async () => {
    const { columns, comment, ...objects } = content.objects;
    expect([columns, comment]).not.toContain(undefined);
    const told = await toldOf(`COMMENT ON TABLE t IS 'another'`, { ...content, objects });
    expect(told).toEqual([]);
  });

  test('is looked at without a lock on sequences, behind whose removal pg_dump would wait for ever', async () => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    expect((await readSequences(client, await listSequences(client))).size).toBe(1);
    const { rowCount } = await client.query(
      `SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relkind = 'S' AND l.pid = pg_backend_pid()`,
    );
    await client.query('ROLLBACK');
    expect(rowCount).toBe(0);
  });

  // at the end: no transaction holds a sequence
  test('by a sequence that went on is told', async () => {
    expect(await toldOf(`SELECT nextval('s'), nextval('s')`)).toEqual(['sequence public.s']);
  });
});

test('settings of the database and of the role, and columns that parents were given later, make nothing different', async () => {
  const server = await openBenchServer();
  const bench = openBench(server);
  try {
    const connectionString = await server.makeDatabase(
      'settings',
      `CREATE TABLE t (f float8, b bytea, i interval, d timestamptz, m money, x regclass);
       CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent); ALTER TABLE parent ADD COLUMN c int;
       INSERT INTO child VALUES (1, 2, 3);
       INSERT INTO t VALUES (1.0 / 3, 'abc', '1 year 2 days 3 hours', '2026-01-02 03:04:05', 1.5, 'child')`,
    );
    const name = server.name('settings');
    const settings = [
      "TimeZone = 'Asia/Tokyo'",
      "DateStyle = 'German'",
      'extra_float_digits = -5',
      "bytea_output = 'escape'",
      "IntervalStyle = 'sql_standard'",
      "search_path = 'nowhere'",
      'quote_all_identifiers = on',
      'idle_in_transaction_session_timeout = 1',
      'default_transaction_read_only = on',
      'row_security = off',
    ];
    await withSession({ connectionString: server.adminUrl, applicationName: 'test' }, async (admin) => {
      for (const setting of settings) await admin.query(`ALTER DATABASE ${name} SET ${setting}`);
    });
    const backup = await bench.create({ connectionString });
    expect((await bench.engine.verify({ backup, level: 'exact' })).failure).toBeUndefined();
  } finally {
    await server.close();
    bench.close();
  }
});
