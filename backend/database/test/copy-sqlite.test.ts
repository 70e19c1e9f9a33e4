import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { copySqlite, type CopyOptions } from '../src/copy/copy-sqlite.ts';
import { CopyError } from '../src/copy/copy-error.ts';
import { canonicalDecimal, canonicalJson } from '../src/copy/convert.ts';
import { parseMoment } from '../src/copy/moments.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';
import { temporaryDirectory } from './support/temporary.ts';

let database: TestDatabase;
let client: pg.Client;
let directory: ReturnType<typeof temporaryDirectory>;

beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
  client = new pg.Client({ connectionString: database.connectionString });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await database?.close();
});
beforeEach(async () => {
  directory = temporaryDirectory();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
});
afterEach(() => directory.remove());

function sqlite(sql: string): DatabaseSync {
  const made = new DatabaseSync(join(directory.path, 'old.db'), { enableForeignKeyConstraints: false });
  made.exec(sql);
  return made;
}
const copy = (more: Partial<CopyOptions> = {}) =>
  copySqlite({ file: join(directory.path, 'old.db'), connectionString: database.connectionString, ...more });
const refusal = async (more: Partial<CopyOptions> = {}): Promise<string> => {
  const error: unknown = await copy(more).catch((caught: unknown) => caught);
  if (!(error instanceof CopyError)) throw error;
  return error.message;
};
const rows = async (sql: string): Promise<object[]> => (await client.query<object>(sql)).rows;

describe('a copy from SQLite', () => {
  test('keeps every value, whatever SQLite calls it', async () => {
    await client.query(`CREATE TYPE mood AS ENUM ('glad', 'sad');
      CREATE TABLE "Thing" (id uuid PRIMARY KEY, flag boolean, small int, big bigint, ratio float8, price numeric(20, 4), title text,
        made timestamptz(3), local timestamp, day date, photo bytea, mood mood, data jsonb, raw json, code char(5), span interval, created_at timestamptz NOT NULL DEFAULT now());`);
    const made =
      sqlite(`CREATE TABLE Thing (id TEXT PRIMARY KEY, flag BOOLEAN, small INTEGER, big BIGINT, ratio REAL, price DECIMAL, title TEXT,
      made DATETIME, local TEXT, day TEXT, photo BLOB, mood TEXT, data JSON, raw TEXT, code TEXT, span TEXT, createdAt DATETIME)`);
    const insert = made.prepare(`INSERT INTO Thing VALUES (${Array.from({ length: 17 }, () => '?').join(', ')})`);
    const photo = new Uint8Array([0, 255, 10, 92]);
    insert.run(
      'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
      1,
      -2,
      9007199254740993n,
      0.1,
      '12345678901234.5',
      'line\n"quoted" \\N {a,b} ☃',
      1774747800123n,
      '2026-03-29 01:30:00.123456',
      '2026-03-29',
      photo,
      'glad',
      '{"b":[1,2.50,null],"a":{"x":1e2}}',
      '{"z":1, "a" : 2}',
      'ab',
      '1 day 02:00',
      '2026-11-22T08:00:00+02:00',
    );
    insert.run(
      'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      0,
      null,
      null,
      null,
      null,
      '',
      1774747800n,
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      '2026-11-22T08:00:00Z',
    );
    insert.run(
      'c0eebc999c0b4ef8bb6d6bb9bd380a11',
      'true',
      7,
      1,
      1e300,
      0,
      "it's",
      '1970-01-01',
      null,
      86_400_000n * 20_000n,
      new Uint8Array(),
      'sad',
      '[]',
      '"x"',
      'abcde',
      '90 minutes',
      0,
    );
    made.close();
    const { tables, rows: copied } = await copy();
    expect({ tables, copied }).toEqual({
      tables: [
        {
          table: 'Thing',
          target: 'public.Thing',
          rows: 3,
          columns: 17,
          checksum: expect.stringMatching(/^[0-9a-f]{16}$/),
        },
      ],
      copied: 3,
    });
    const [first, second, third] = await rows(
      `SELECT id, flag, big::text, ratio, price::text, title, made, local::text, day::text, photo, mood, data, raw::text, span::text, created_at FROM "Thing" ORDER BY id`,
    );
    expect(first).toEqual({
      id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      flag: true,
      big: '9007199254740993',
      ratio: 0.1,
      price: '12345678901234.5000',
      title: 'line\n"quoted" \\N {a,b} ☃',
      made: new Date(1774747800123),
      local: '2026-03-29 01:30:00.123456',
      day: '2026-03-29',
      photo: Buffer.from(photo),
      mood: 'glad',
      data: { a: { x: 100 }, b: [1, 2.5, null] },
      raw: '{"z":1, "a" : 2}',
      span: '1 day 02:00:00',
      created_at: new Date('2026-11-22T06:00:00Z'),
    });
    expect(second).toMatchObject({ flag: false, title: '', made: new Date(1774747800000), photo: null, data: null });
    expect(third).toMatchObject({
      made: new Date(0),
      day: '2024-10-04',
      photo: Buffer.alloc(0),
      created_at: new Date(0),
    });
  });

  test('fills parents first, takes cycles and rows that refer to their own table, and leaves the keys as they were', async () => {
    await client.query(`CREATE TABLE person (id serial PRIMARY KEY, boss_id int REFERENCES person, team_id int);
      CREATE TABLE team (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id int NOT NULL REFERENCES person);
      ALTER TABLE person ADD CONSTRAINT person_team FOREIGN KEY (team_id) REFERENCES team;
      CREATE TABLE a_note (id int PRIMARY KEY, person_id int REFERENCES person)`);
    sqlite(`CREATE TABLE a_note (id INTEGER PRIMARY KEY, person_id INT); CREATE TABLE person (id INTEGER PRIMARY KEY, boss_id INT, team_id INT);
      CREATE TABLE team (id INTEGER PRIMARY KEY, lead_id INT);
      INSERT INTO person VALUES (1, 2, 5), (2, 2, NULL), (41, 1, 5); INSERT INTO team VALUES (5, 41); INSERT INTO a_note VALUES (1, 41)`).close();
    const { tables } = await copy();
    expect(tables.map(({ table, rows: n }) => [table, n])).toEqual(
      expect.arrayContaining([
        ['person', 3],
        ['team', 1],
        ['a_note', 1],
      ]),
    );
    expect(await rows(`SELECT DISTINCT condeferrable FROM pg_constraint WHERE contype = 'f'`)).toEqual([
      { condeferrable: false },
    ]);
    expect(await rows('INSERT INTO person DEFAULT VALUES RETURNING id')).toEqual([{ id: 42 }]);
    expect(await rows('INSERT INTO team (lead_id) VALUES (1) RETURNING id')).toEqual([{ id: 6 }]);
  });

  test('is told as it goes, leaves out what is to be skipped, and reads many rows', async () => {
    await client.query('CREATE TABLE events (id int PRIMARY KEY, name text)');
    sqlite(`CREATE TABLE events (id INTEGER PRIMARY KEY, name TEXT, junk TEXT); CREATE TABLE scratch (x); CREATE TABLE _prisma_migrations (id);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO events SELECT i, 'event ' || i, 'x' FROM n`).close();
    const seen: string[] = [];
    const { rows: copied, skipped } = await copy({
      skip: ['scratch', 'events.junk'],
      onProgress: ({ step, done }) => seen.push(`${step} ${done}`),
    });
    expect([copied, skipped]).toEqual([5000, ['scratch', 'events.junk']]);
    expect(seen).toEqual(expect.arrayContaining(['copy 0', 'copy 1000', 'copy 5000', 'verify 5000']));
  });

  test('in a dry run looks at everything and writes nothing', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY, day date)');
    const made = sqlite(`CREATE TABLE t (id INTEGER PRIMARY KEY, day TEXT); INSERT INTO t VALUES (1, '2026-01-31')`);
    expect(await copy({ dryRun: true })).toMatchObject({ dryRun: true, rows: 1 });
    expect(await rows('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 0 }]);
    made.exec(`INSERT INTO t VALUES (2, '2026-02-30')`);
    made.close();
    expect(await refusal({ dryRun: true })).toContain('t.day: the row with id = 2: "2026-02-30" is no date');
  });
});

describe('a copy is refused, and the target stays as it was', () => {
  const empty = async () => expect(await rows('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 0 }]);

  test('with everything at once that has no place in the target', async () => {
    await client.query(
      'CREATE TABLE t (id int PRIMARY KEY, must text NOT NULL); CREATE TABLE full_ (id int); INSERT INTO full_ VALUES (1)',
    );
    sqlite(`CREATE TABLE t (id INTEGER PRIMARY KEY, extra TEXT, parent INT REFERENCES t); INSERT INTO t VALUES (1, 'x', 99);
      CREATE TABLE nowhere (id); CREATE TABLE full_ (id INT)`).close();
    const message = await refusal({ skip: ['typo'] });
    expect(message.split('\n')).toEqual([
      'typo: is to be skipped, and is not there (correct --skip)',
      'full_: holds rows in the target (copy into an empty database)',
      'nowhere: has no table in the target (migrate the target first, or leave it out: --skip nowhere)',
      't.extra: has no column in the target (migrate the target first, or leave it out: --skip t.extra)',
      't.parent: has no column in the target (migrate the target first, or leave it out: --skip t.parent)',
      't.must: is required in the target, and the source has no such column (give it a default)',
      "t: 1 rows refer to nothing in t (mend them: SELECT * FROM pragma_foreign_key_check('t'))",
    ]);
  });

  test.each([
    [
      'an enumeration without the value',
      "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (id int PRIMARY KEY, v e)",
      `'b'`,
      /t: the row with id = 1500: .*enum e: "b"/,
    ],
    [
      'NULL where it must not be',
      'CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL)',
      'NULL',
      /t.v: the row with id = 1500: null value/,
    ],
    [
      'a number out of range',
      'CREATE TABLE t (id int PRIMARY KEY, v smallint)',
      '70000',
      /the row with id = 1500: .*out of range/,
    ],
    [
      'a text that is too long',
      'CREATE TABLE t (id int PRIMARY KEY, v varchar(2))',
      `'abc'`,
      /the row with id = 1500: value too long/,
    ],
    [
      'a text that is no number',
      'CREATE TABLE t (id int PRIMARY KEY, v int)',
      `'many'`,
      /t.v: the row with id = 1500: "many" is no whole number/,
    ],
    [
      'a NUL character',
      'CREATE TABLE t (id int PRIMARY KEY, v text)',
      `'a' || char(0)`,
      /t.v: the row with id = 1500: .*NUL/,
    ],
    [
      'JSON that is none',
      'CREATE TABLE t (id int PRIMARY KEY, v jsonb)',
      `'{'`,
      /t.v: the row with id = 1500: "\{" is no JSON/,
    ],
    [
      'a scale that loses digits',
      'CREATE TABLE t (id int PRIMARY KEY, v numeric(9, 2))',
      '1.005',
      /t: the target holds other values in v \(look for columns that are too narrow/,
    ],
    [
      'fractions of seconds that are lost',
      'CREATE TABLE t (id int PRIMARY KEY, v timestamptz(0))',
      `'2026-01-01T00:00:00.5'`,
      /other values in v/,
    ],
    [
      'a trigger that changes values',
      `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := upper(NEW.v); RETURN NEW; END';
      CREATE TRIGGER up BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION up()`,
      `'x'`,
      /other values in v/,
    ],
    [
      'a trigger that leaves rows out',
      `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id = 1500) EXECUTE FUNCTION no()`,
      `'x'`,
      /2000 rows were read, 1999 are in the target/,
    ],
  ])('for %s', async (_what, target, value, message) => {
    await client.query(target);
    sqlite(`CREATE TABLE t (id INTEGER PRIMARY KEY, v);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i, CASE WHEN ${String(/enum/i.test(target))} THEN 'a' ELSE 1 END FROM n;
      UPDATE t SET v = ${/jsonb/.test(target) ? `'{}'` : /timestamptz/.test(target) ? '0' : 'v'}; UPDATE t SET v = ${value} WHERE id = 1500`).close();
    expect(await refusal()).toMatch(message);
    await empty();
  });

  test('when a file is no SQLite file, is damaged, or is not there', async () => {
    await client.query('CREATE TABLE t (id int)');
    expect(await refusal()).toContain('unable to open database file');
    writeFileSync(join(directory.path, 'old.db'), 'hello '.repeat(500));
    expect(await refusal()).toMatch(/is no sound SQLite file: file is not a database/);
    await empty();
  });

  test('when a key does not hold at the end', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t)');
    sqlite('CREATE TABLE t (id INTEGER PRIMARY KEY, up INT); INSERT INTO t VALUES (1, 7)').close();
    expect(await refusal()).toMatch(/t: Key \(up\)=\(7\) is not present in table "t"/);
    await empty();
  });
});

describe('equal values have one form', () => {
  test('of points in time', () => {
    const micros = (value: string | number | bigint, moments: Parameters<typeof parseMoment>[1] = 'auto') =>
      parseMoment(value, moments);
    expect([
      micros(1_700_000_000n),
      micros(1_700_000_000_000n),
      micros('2023-11-14T22:13:20Z'),
      micros('2023-11-15 00:13:20+02:00'),
    ]).toEqual(Array.from({ length: 4 }, () => 1_700_000_000_000_000n));
    expect(micros(5, 'milliseconds')).toBe(5000n);
    expect(micros(1.5, 'seconds')).toBe(1_500_000n);
    expect(['2026-13-01', '2026-02-29', 'now', '25:00', '2026-01-01T24:00'].map((text) => micros(text))).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
  });

  test('of numbers and of JSON', () => {
    expect(['100', '1e2', '100.00', '+1.0E+2'].map(canonicalDecimal)).toEqual(Array.from({ length: 4 }, () => '1e2'));
    expect(['0', '-0.00', '0e5'].map(canonicalDecimal)).toEqual(['0', '0', '0']);
    expect(canonicalDecimal('12345678901234567890.5')).not.toBe(canonicalDecimal('12345678901234567890.6'));
    expect(canonicalJson('{"b": 1.0, "a": [true, "x"]}')).toBe(canonicalJson('{"a":[true,"x"],"b":1}'));
    expect(canonicalJson('{"a": 12345678901234567890}')).not.toBe(canonicalJson('{"a": 12345678901234567891}'));
    expect(canonicalJson('[1]')).not.toBe(canonicalJson('["1"]'));
  });
});
