import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { foreignKeys } from '../src/monitoring/integrity/foreign-keys.ts';
import type { Reference } from '../src/monitoring/integrity/reference.ts';
import { resolveRelation, type DeclaredRelation } from '../src/monitoring/integrity/relations.ts';
import {
  beginScan,
  canGoOn,
  scan,
  type Pacing,
  type ScanOutcome,
  type ScanState,
} from '../src/monitoring/integrity/scan.ts';
import { DEFAULT_BOUNDS } from '../src/monitoring/read-only/in-read-only.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

const PACING: Pacing = { sharePercent: 100, batchMs: 20, timeoutMs: 2000, lockTimeoutMs: 50 };
let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
});
beforeEach(async () => {
  client = new pg.Client({ connectionString: database.connectionString });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
});
afterEach(() => client.end());
afterAll(() => database?.close());

/** Writes what the constraints would refuse. */
const behindTriggers = (sql: string) =>
  client.query(`SET session_replication_role = replica; ${sql}; SET session_replication_role = origin`);

async function keyOf(name: string): Promise<Reference> {
  const found = (await foreignKeys(client)).find(({ id }) => id.endsWith(`.${name}`));
  if (!found?.reference) throw new Error(`${name}: ${found?.skipped ?? 'no such key'}`);
  return found.reference;
}

async function scanAll(reference: Reference, more: Partial<ScanState> = {}): Promise<ScanOutcome> {
  const from = { ...beginScan(reference, new Date()), ...more };
  return scan(client, reference, from, { pacing: PACING, sampleSize: 3, deadlineMs: performance.now() + 10_000 });
}
const found = async (name: string, more: Partial<ScanState> = {}) => {
  const { state, isComplete, stopped } = await scanAll(await keyOf(name), more);
  if (stopped) throw stopped;
  expect(isComplete).toBe(true);
  return { scanned: state.scannedRows, violations: state.violations, sample: state.sample };
};

describe('a foreign key', () => {
  test('that PostgreSQL calls valid is searched for orphans all the same', async () => {
    await client.query(`CREATE TABLE tracks (id uuid PRIMARY KEY);
      CREATE TABLE posts (id bigint PRIMARY KEY, track_id uuid CONSTRAINT posts_track REFERENCES tracks);
      INSERT INTO tracks SELECT gen_random_uuid() FROM generate_series(1, 200);
      INSERT INTO posts SELECT row_number() OVER (), id FROM tracks; INSERT INTO posts VALUES (900, NULL);
      ALTER TABLE posts DISABLE TRIGGER ALL;
      INSERT INTO posts VALUES (1000, '00000000-0000-7000-8000-000000000001'), (1001, '00000000-0000-7000-8000-000000000002');
      ALTER TABLE posts ENABLE TRIGGER ALL`);
    const [key] = await foreignKeys(client);
    expect(key).toMatchObject({ id: 'public.posts.posts_track', isValidated: true, notEnforced: [] });
    expect(await found('posts_track', { batchRows: 50 })).toEqual({
      scanned: 203,
      violations: 2,
      sample: [
        { id: '1000', track_id: '00000000-0000-7000-8000-000000000001' },
        { id: '1001', track_id: '00000000-0000-7000-8000-000000000002' },
      ],
    });
  });

  test('that is not enforced says so: never validated, or with disabled triggers', async () => {
    await client.query(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a_id int);
      INSERT INTO b VALUES (1, 7); ALTER TABLE b ADD CONSTRAINT late FOREIGN KEY (a_id) REFERENCES a NOT VALID;
      ALTER TABLE b DISABLE TRIGGER ALL`);
    const [key] = await foreignKeys(client);
    expect(key?.isValidated).toBe(false);
    expect(key?.notEnforced.join('\n')).toMatch(/NOT VALID[^]*trigger RI_ConstraintTrigger_c_\d+ on b is disabled/);
    expect(await found('late')).toMatchObject({ violations: 1, sample: [{ id: '1', a_id: '7' }] });
  });

  test('over several columns counts NULL as its MATCH says', async () => {
    await client.query(`CREATE TABLE a (x int, y text, PRIMARY KEY (x, y)); INSERT INTO a VALUES (1, 'it''s');
      CREATE TABLE simple (id text PRIMARY KEY, x bigint, y text, CONSTRAINT k_simple FOREIGN KEY (x, y) REFERENCES a);
      CREATE TABLE full_ (id text PRIMARY KEY, x int, y text, CONSTRAINT k_full FOREIGN KEY (x, y) REFERENCES a MATCH FULL)`);
    const rows = `VALUES ('good', 1, 'it''s'), ('none', NULL, NULL), ('half', 1, NULL), ('bad', 1, 'no')`;
    await behindTriggers(`INSERT INTO simple ${rows}; INSERT INTO full_ ${rows}`);
    expect(await found('k_simple')).toMatchObject({ violations: 1, sample: [{ id: 'bad', x: '1', y: 'no' }] });
    expect(await found('k_full')).toMatchObject({ violations: 2 });
  });

  test('within its own table, between quoted names, to another schema', async () => {
    await client.query(`CREATE SCHEMA "Other s"; CREATE TABLE "Other s"."P q" ("I d" int PRIMARY KEY, up int CONSTRAINT self REFERENCES "Other s"."P q");
      CREATE TABLE "select" ("from" timestamptz, n numeric(9, 3), "to" int CONSTRAINT quoted REFERENCES "Other s"."P q", PRIMARY KEY ("from", n))`);
    await behindTriggers(`INSERT INTO "Other s"."P q" VALUES (1, 1), (2, 9);
      INSERT INTO "select" SELECT 'epoch'::timestamptz + n * interval '0.000001 s', n % 7, CASE WHEN n = 170 THEN 5 ELSE 1 END FROM generate_series(1, 300) n`);
    expect(await found('self')).toMatchObject({ violations: 1, sample: [{ 'I d': '2', up: '9' }] });
    expect(await found('quoted', { batchRows: 50 })).toMatchObject({ scanned: 300, violations: 1 });
    await client.query('DROP SCHEMA "Other s" CASCADE');
  });

  test('of a partitioned table covers its partitions, one of a plain table not what inherits from it', async () => {
    await client.query(`CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);
      CREATE TABLE parts (id int, a_id int CONSTRAINT parted REFERENCES a, PRIMARY KEY (id)) PARTITION BY RANGE (id);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100); CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
      CREATE TABLE plain (id int PRIMARY KEY, a_id int CONSTRAINT plain_a REFERENCES a); CREATE TABLE heir () INHERITS (plain); INSERT INTO heir VALUES (5, 99)`);
    await behindTriggers('INSERT INTO parts VALUES (1, 1), (50, 2), (150, 3); INSERT INTO plain VALUES (1, 1)');
    expect((await foreignKeys(client)).map(({ id }) => id)).toEqual(['public.parts.parted', 'public.plain.plain_a']);
    expect(await found('parted')).toMatchObject({ scanned: 3, violations: 2 });
    expect(await found('plain_a')).toMatchObject({ scanned: 1, violations: 0 });
  });

  test('of a table without any key is searched by blocks', async () => {
    await client.query(`CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);
      CREATE TABLE log (a_id int CONSTRAINT log_a REFERENCES a, note text)`);
    await behindTriggers(
      `INSERT INTO log SELECT CASE WHEN n % 1000 = 0 THEN 2 ELSE 1 END, repeat('x', 200) FROM generate_series(1, 5000) AS n`,
    );
    expect(await found('log_a', { batchRows: 500 })).toMatchObject({
      scanned: 5000,
      violations: 5,
      sample: [{ ctid: expect.stringMatching(/^\(\d+,\d+\)$/), a_id: '2' }, {}, {}],
    });
  });

  test('is found once a database has it, and its state is of no use once it changed', async () => {
    await client.query(
      `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a_id int CONSTRAINT k REFERENCES a)`,
    );
    const before = await keyOf('k');
    const state = beginScan(before, new Date());
    expect(canGoOn(await keyOf('k'), state)).toBe(true);
    await client.query('ALTER TABLE b ALTER COLUMN id TYPE bigint');
    expect(canGoOn(await keyOf('k'), state)).toBe(false);
  });

  test('whose tables the role may not read is skipped with a reason', async () => {
    await client.query(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a);
      CREATE ROLE nobody_${process.pid}; SET ROLE nobody_${process.pid}`);
    expect(await foreignKeys(client)).toEqual([
      expect.objectContaining({ reference: undefined, skipped: expect.stringContaining('GRANT SELECT') }),
    ]);
    await client.query(`RESET ROLE; DROP ROLE nobody_${process.pid}`);
  });
});

describe('a scan', () => {
  beforeEach(async () => {
    await client.query(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a_id int CONSTRAINT k REFERENCES a);
      INSERT INTO a SELECT generate_series(1, 20000)`);
    await behindTriggers(
      'INSERT INTO b SELECT n, CASE WHEN n % 4000 = 0 THEN -n ELSE n END FROM generate_series(1, 20000) AS n',
    );
    await client.query('ANALYZE');
  });

  test('stops at its deadline and goes on where it stopped, also in another process', async () => {
    const reference = await keyOf('k');
    let state = beginScan(reference, new Date());
    let passes = 0;
    for (let isComplete = false; !isComplete; passes++) {
      const kept = JSON.parse(JSON.stringify({ ...state, batchRows: 700 })) as ScanState;
      expect(canGoOn(reference, kept)).toBe(true);
      const outcome = await scan(client, reference, kept, {
        pacing: PACING,
        sampleSize: 3,
        deadlineMs: performance.now() + 1,
      });
      ({ state, isComplete } = outcome);
    }
    expect(passes).toBeGreaterThan(3);
    expect(state).toMatchObject({
      scannedRows: 20_000,
      violations: 5,
      sample: [{ id: '4000' }, { id: '8000' }, { id: '12000' }],
    });
  });

  test('takes no more of the time than its share', async () => {
    const startMs = performance.now();
    const reference = await keyOf('k');
    const pacing = { ...PACING, sharePercent: 10, batchMs: 5 };
    const { state } = await scan(client, reference, beginScan(reference, new Date()), {
      pacing,
      sampleSize: 0,
      // long enough for one slow batch at the end to count little
      deadlineMs: startMs + 2500,
    });
    expect(state.busyMs).toBeGreaterThan(0);
    expect(state.busyMs / (performance.now() - startMs)).toBeLessThan(0.2);
  });

  test('waits for no lock, says what stopped it, and holds nobody up', async () => {
    const holder = new pg.Client({ connectionString: database.connectionString });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE');
    const outcome = await scanAll(await keyOf('k'));
    expect(outcome).toMatchObject({ isComplete: false, stopped: { problem: 'locked', isFault: false } });
    await holder.query('ROLLBACK');
    expect(await scanAll(await keyOf('k'), outcome.state)).toMatchObject({ isComplete: true });
    await holder.end();
  });

  test('takes smaller batches when one takes too long, instead of giving up', async () => {
    const reference = await keyOf('k');
    const slow: Reference = { ...reference, when: `(SELECT true FROM (SELECT pg_sleep(0.002) WHERE c.id > 0) AS s)` };
    const from = { ...beginScan(slow, new Date()), batchRows: 5000 };
    const pacing = { ...PACING, timeoutMs: 300 };
    const { state, stopped } = await scan(client, slow, from, {
      pacing,
      sampleSize: 0,
      deadlineMs: performance.now() + 3000,
    });
    expect(stopped).toBeUndefined();
    expect(state.scannedRows).toBeGreaterThan(0);
    expect(state.batchRows).toBeLessThan(1000);
  });

  test('reads the parent by its index, batch by batch, however large it is', async () => {
    await client.query(`SET pg_stat_force = 1`).catch(() => undefined);
    const reads = async () => {
      await client.query('SELECT pg_stat_force_next_flush()');
      const { rows } = await client.query(
        `SELECT seq_scan::int AS sequential, idx_scan::int AS indexed FROM pg_stat_user_tables WHERE relname = 'a'`,
      );
      return rows[0] as { sequential: number; indexed: number };
    };
    const before = await reads();
    await scanAll(await keyOf('k'), { batchRows: 300 });
    const after = await reads();
    expect(after.sequential - before.sequential).toBe(0);
    expect(after.indexed - before.indexed).toBe(20_000);
  });
});

describe('a declared relation', () => {
  const declared = async (relation: DeclaredRelation) => {
    const reference = await resolveRelation(client, relation, DEFAULT_BOUNDS);
    const { state, stopped } = await scanAll(reference);
    if (stopped) throw stopped;
    return { violations: state.violations, sample: state.sample };
  };
  beforeEach(async () => {
    await client.query(`CREATE TABLE tracks (id uuid PRIMARY KEY, number int UNIQUE, slug text);
      INSERT INTO tracks SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, n, 's' || n FROM generate_series(1, 2000) AS n;
      CREATE TABLE likes (id int PRIMARY KEY, kind text, target text, targets int[], data jsonb);
      INSERT INTO likes VALUES (1, 'track', '00000000-0000-7000-8000-000000000001', '{1,2,NULL}', '{"track": {"id": 7}, "more": [1, 2]}'),
        (2, 'track', '00000000-0000-7000-8000-999999999999', '{3,99999}', '{"track": {"id": 99999}, "more": [3, "x"]}'),
        (3, 'person', 'nobody', NULL, '{}'), (4, 'track', 'no key at all', '{}', NULL);
      ANALYZE`);
  });

  test('of one kind of a column that refers to several tables', async () => {
    expect(
      await declared({ from: 'likes.target', to: 'tracks.id', when: `kind = 'track' -- the others are people` }),
    ).toEqual({
      violations: 2,
      sample: [
        { id: '2', target: '00000000-0000-7000-8000-999999999999' },
        { id: '4', target: 'no key at all' },
      ],
    });
  });

  test('by the elements of an array, and by keys within JSON', async () => {
    expect(await declared({ from: 'public.likes.targets', to: 'public.tracks.number' })).toEqual({
      violations: 1,
      sample: [{ id: '2', targets: '99999' }],
    });
    expect(await declared({ from: 'likes.data', path: '$.track.id', to: 'tracks.number' })).toEqual({
      violations: 1,
      sample: [{ id: '2', data: '99999' }],
    });
    expect(await declared({ from: 'likes.data', path: '$.more[*]', to: 'tracks.number' })).toEqual({
      violations: 1,
      sample: [{ id: '2', data: 'x' }],
    });
  });

  test.each([
    [{ from: 'nowhere.x', to: 'tracks.id' }, 'there is no table nowhere'],
    [{ from: 'likes.x', to: 'tracks.id' }, 'likes has no column x'],
    [{ from: 'likes.data', to: 'tracks.id' }, 'likes.data is JSON'],
    [{ from: 'likes.target', path: '$.a', to: 'tracks.id' }, 'likes.target is no JSON'],
    [{ from: 'likes.id', to: 'tracks.id' }, 'likes.id and tracks.id cannot be compared: integer and uuid'],
    [{ from: 'likes.target', to: 'tracks.slug' }, 'tracks.slug has no index: each row would read the whole table'],
    [{ from: 'likes.target', to: 'tracks.id', when: 'pg_advisory_lock(1) IS NULL' }, 'calls pg_advisory_lock()'],
    [
      { from: 'likes.target', to: 'tracks.id', when: 'true); DELETE FROM likes; SELECT (true' },
      'holds several statements',
    ],
    [{ from: 'likes.target', to: 'tracks.id', when: 'kind = ' }, 'is not a query'],
  ])('that cannot be examined is refused in words: %j', async (relation, message) => {
    await expect(resolveRelation(client, relation, DEFAULT_BOUNDS)).rejects.toThrow(message);
    expect((await client.query('SELECT count(*)::int AS n FROM likes')).rows).toEqual([{ n: 4 }]);
  });
});
