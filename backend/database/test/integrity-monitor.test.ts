import { integritySchema, type IntegrityCheck, type IntegritySettings } from '@clearway/contracts';
import { manualClock, type ManualClock } from '@clearway/kernel';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import pg from 'pg';
import { openConnection } from '../src/monitoring/read-only/open-connection.ts';
import { IntegrityMonitor } from '../src/monitoring/integrity/integrity-monitor.ts';
import { integrityStore, type IntegrityStore } from '../src/monitoring/integrity/integrity-store.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

const PACING = { sharePercent: 100, passSeconds: 60, batchMs: 20, lockTimeoutMs: 50 };
let watched: TestDatabase;
let own: TestDatabase;
let pool: pg.Pool;
let sql: pg.Client;
let clock: ManualClock;
let store: IntegrityStore;

beforeAll(async () => {
  [watched, own] = await Promise.all([withTestDatabase({ migrations: null }), withTestDatabase()]);
  pool = new pg.Pool({ connectionString: own.connectionString });
  sql = new pg.Client({ connectionString: watched.connectionString });
  await sql.connect();
});
afterAll(async () => {
  await Promise.all([sql?.end(), pool?.end()]);
  await Promise.all([watched?.close(), own?.close()]);
});
beforeEach(async () => {
  clock = manualClock(Date.UTC(2026, 10, 22, 12));
  store = integrityStore(pool, clock);
  await pool.query('TRUNCATE integrity_checks, integrity_results');
  await sql.query(`DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    CREATE TABLE tracks (id int PRIMARY KEY);
    CREATE TABLE posts (id int PRIMARY KEY, kind text, track_id int CONSTRAINT posts_track REFERENCES tracks);
    INSERT INTO tracks SELECT generate_series(1, 3000);
    INSERT INTO posts SELECT n, 'audio', n FROM generate_series(1, 3000) AS n; ANALYZE`);
});

const settingsOf = (entry: object = {}): IntegritySettings => {
  const [settings] = integritySchema.parse([{ database: 'tracks', pacing: PACING, ...entry }]);
  if (!settings) throw new Error('no entry');
  return settings;
};
const WITHOUT_TRACK = {
  name: 'audio-posts-without-track',
  sql: "SELECT id FROM posts WHERE kind = 'audio' AND track_id IS NULL",
};

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: watched.connectionString, application_name: 'integrity-test' });
  client.on('error', () => {});
  await client.connect();
  return client;
}
const monitorOf = (entry: object = {}, more: Partial<ConstructorParameters<typeof IntegrityMonitor>[0]> = {}) =>
  new IntegrityMonitor({ settings: settingsOf(entry), connect, store, clock, ...more });
const check = (monitor: IntegrityMonitor, id: string): IntegrityCheck => {
  const found = monitor.find(id);
  if (!found) throw new Error(`no check ${id}`);
  return found;
};

describe('the checks of a database', () => {
  test('find what is there on the first pass, and say since when, how many and which', async () => {
    await sql.query(`INSERT INTO posts VALUES (5001, 'audio', NULL), (5002, 'audio', NULL);
      SET session_replication_role = replica; INSERT INTO posts VALUES (5003, 'audio', 9999); SET session_replication_role = origin;
      ALTER TABLE posts DISABLE TRIGGER ALL`);
    const monitor = monitorOf({
      invariants: [WITHOUT_TRACK],
      counts: [{ name: 'tracks', sql: 'SELECT count(*) FROM tracks', atMost: 10 }],
    });
    expect(monitor.list().every(({ status }) => status === 'pending')).toBe(true);
    expect(await monitor.pass()).toMatchObject({ problem: undefined, hasMore: false });
    const at = '2026-11-22T12:00:00.000Z';
    expect(check(monitor, 'audio-posts-without-track')).toMatchObject({
      status: 'violated',
      violations: 2,
      sample: [{ id: '5001' }, { id: '5002' }],
      trend: 'new',
      firstSeenAt: at,
      lastRunAt: at,
      lastOkAt: null,
      nextRunAt: '2026-11-22T12:15:00.000Z',
    });
    expect(check(monitor, 'public.posts.posts_track')).toMatchObject({
      kind: 'foreign-key',
      title: 'posts (track_id) → tracks (id)',
      status: 'violated',
      violations: 1,
      sample: [{ id: '5003', track_id: '9999' }],
      notes: [expect.stringContaining('is disabled'), expect.stringContaining('is disabled')],
    });
    expect(check(monitor, 'disabled-triggers')).toMatchObject({
      status: 'violated',
      severity: 'WARNING',
      violations: 1,
      sample: [{ table: 'posts', trigger: 'foreign key posts_track' }],
      remedy: expect.stringContaining('ENABLE TRIGGER'),
    });
    expect(check(monitor, 'tracks')).toMatchObject({ status: 'violated', value: 3000, reason: '3000 is more than 10' });
    expect(check(monitor, 'invalid-indexes')).toMatchObject({ status: 'ok', lastOkAt: at });
  });

  test('run when their schedule says so, and follow the trend until it is well again', async () => {
    const monitor = monitorOf({ invariants: [WITHOUT_TRACK] });
    const runs = async (minutes: number) => {
      clock.tick(minutes * 60_000);
      await monitor.pass();
      const { violations, trend, status } = check(monitor, WITHOUT_TRACK.name);
      return [status, violations, trend];
    };
    await sql.query(`INSERT INTO posts VALUES (5001, 'audio', NULL)`);
    expect(await runs(0)).toEqual(['violated', 1, 'new']);
    await sql.query(`INSERT INTO posts VALUES (5002, 'audio', NULL)`);
    expect(await runs(14)).toEqual(['violated', 1, 'new']); // not yet
    expect(await runs(1)).toEqual(['violated', 2, 'rising']);
    expect(await runs(15)).toEqual(['violated', 2, 'steady']);
    await sql.query('DELETE FROM posts WHERE id = 5001');
    expect(await runs(15)).toEqual(['violated', 1, 'falling']);
    await sql.query('DELETE FROM posts WHERE id = 5002');
    expect(await runs(15)).toEqual(['ok', 0, 'falling']);
    expect(check(monitor, WITHOUT_TRACK.name)).toMatchObject({ firstSeenAt: null, sample: [] });
    const history = await monitor.history(WITHOUT_TRACK.name);
    expect(history.map(({ violations }) => violations)).toEqual([0, 1, 2, 2, 1]);
  });

  test('can be asked for at once, all or some', async () => {
    const monitor = monitorOf({ invariants: [WITHOUT_TRACK] });
    await monitor.pass();
    expect((await monitor.pass()).runs).toBe(0);
    expect(await monitor.request([WITHOUT_TRACK.name, 'no-such'])).toEqual([WITHOUT_TRACK.name]);
    expect((await monitor.pass()).runs).toBe(1);
    expect(await monitor.request()).toHaveLength(monitor.list().length);
    expect((await monitor.pass()).runs).toBe(monitor.list().length);
  });

  test('that are at fault say so and are not called ok; the others go on', async () => {
    const monitor = monitorOf({
      invariants: [
        { name: 'writes', sql: 'DELETE FROM posts RETURNING id' },
        {
          name: 'endless',
          sql: 'WITH RECURSIVE r (id) AS (SELECT 1 UNION ALL SELECT id FROM r) SELECT id FROM r WHERE id = 2',
          timeoutMs: 100,
        },
        { name: 'no-query', sql: 'hello' },
        WITHOUT_TRACK,
      ],
      relations: [{ name: 'lost', from: 'posts.nowhere', to: 'tracks.id' }],
      counts: [{ name: 'nothing', sql: 'SELECT max(id) FROM posts WHERE false' }],
    });
    await monitor.pass();
    expect(check(monitor, 'writes')).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('would change the database: DELETE on posts'),
    });
    expect(check(monitor, 'endless')).toMatchObject({
      status: 'failed',
      reason: 'did not end within 100 ms',
      remedy: expect.any(String),
    });
    expect(check(monitor, 'no-query')).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('is not a query'),
    });
    expect(check(monitor, 'lost')).toMatchObject({ status: 'failed', reason: 'posts has no column nowhere' });
    expect(check(monitor, 'nothing')).toMatchObject({ status: 'skipped', reason: 'it returned NULL' });
    expect(check(monitor, WITHOUT_TRACK.name).status).toBe('ok');
    expect((await sql.query('SELECT count(*)::int AS n FROM posts')).rows).toEqual([{ n: 3000 }]);
  });

  test('of a table that is locked are skipped with the reason, stay due, and hold nobody up', async () => {
    const monitor = monitorOf({ invariants: [WITHOUT_TRACK] });
    await sql.query('BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE');
    expect(await monitor.pass()).toMatchObject({ hasMore: true, problem: undefined });
    for (const id of [WITHOUT_TRACK.name, 'public.posts.posts_track'])
      expect(check(monitor, id)).toMatchObject({
        status: 'skipped',
        reason: 'a table is locked by another session',
        lastRunAt: null,
      });
    expect(check(monitor, 'invalid-indexes').status).toBe('ok');
    await sql.query('ROLLBACK');
    await monitor.pass();
    expect(monitor.list().map(({ status }) => status)).not.toContain('skipped');
  });

  test('keep what they knew when the database is down, and are called skipped, not ok', async () => {
    await sql.query(`INSERT INTO posts VALUES (5001, 'audio', NULL)`);
    let isUp = true;
    const down = () => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    const monitor = monitorOf({ invariants: [WITHOUT_TRACK] }, { connect: () => (isUp ? connect() : down()) });
    await monitor.pass();
    isUp = false;
    clock.tick(15 * 60_000);
    expect(await monitor.pass()).toMatchObject({ problem: 'the database cannot be reached: connect ECONNREFUSED' });
    expect(check(monitor, WITHOUT_TRACK.name)).toMatchObject({
      status: 'skipped',
      violations: 1,
      firstSeenAt: '2026-11-22T12:00:00.000Z',
    });
    isUp = true;
    expect(await monitor.pass()).toMatchObject({ problem: undefined });
    expect(check(monitor, WITHOUT_TRACK.name)).toMatchObject({ status: 'violated', trend: 'steady' });
  });

  test('use one connection, and only while they work', async () => {
    const seen: number[] = [];
    const watch = async () => {
      const { rows } = await sql.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'integrity-test' AND datname = current_database()`,
      );
      seen.push(rows[0]?.n ?? 0);
    };
    const monitor = monitorOf({ invariants: [WITHOUT_TRACK] }, { onRun: () => void watch() });
    await monitor.pass();
    await watch();
    expect(Math.max(...seen)).toBe(1);
    expect(seen.at(-1)).toBe(0);
    const before = seen.length;
    await monitor.pass(); // nothing is due: nothing is opened
    expect(seen).toHaveLength(before);
  });
});

describe('a scan', () => {
  const SLOW = { pacing: { ...PACING, passSeconds: 1, sharePercent: 0.5 } };

  test('goes on in another process where the last pass stopped, and tells at once what it found', async () => {
    await sql.query(
      `SET session_replication_role = replica; INSERT INTO posts VALUES (0, 'audio', -1), (7000, 'audio', -2); SET session_replication_role = origin`,
    );
    const first = monitorOf(SLOW);
    while (!first.find('public.posts.posts_track')?.scan) expect(await first.pass()).toMatchObject({ hasMore: true });
    const half = check(first, 'public.posts.posts_track');
    expect(half).toMatchObject({
      status: 'violated',
      violations: 1,
      isBound: true,
      sample: [{ id: '0', track_id: '-1' }],
      lastRunAt: null,
    });
    expect(half.scan).toMatchObject({ estimatedRows: 3000, violations: 1 });
    expect(half.scan?.scannedRows).toBeLessThan(3000);

    const second = monitorOf({ pacing: PACING });
    await second.pass();
    expect(check(second, 'public.posts.posts_track')).toMatchObject({
      status: 'violated',
      violations: 2,
      isBound: false,
      sample: [
        { id: '0', track_id: '-1' },
        { id: '7000', track_id: '-2' },
      ],
      scan: null,
      firstSeenAt: half.firstSeenAt,
    });
    expect(await second.history('public.posts.posts_track')).toHaveLength(1);
  });

  test('stops when the process does', async () => {
    const monitor = monitorOf({ pacing: { ...SLOW.pacing, passSeconds: 60 } });
    const abort = new AbortController();
    const passing = monitor.pass(abort.signal);
    while ((await store.load('tracks')).length === 0) await sleep(10);
    const startMs = performance.now();
    abort.abort();
    await passing;
    expect(performance.now() - startMs).toBeLessThan(30_000);
  });
});

describe('a server that hangs', () => {
  test('holds nobody up: a pass ends with its process, and takes nothing for lost', async () => {
    const client = await openConnection(watched.connectionString, 'integrity-test');
    const { remotePort, remoteAddress } = (client as unknown as { connection: { stream: Socket } }).connection.stream;
    await client.end();
    const gate = createServer((near) => {
      const far = createConnection({ port: remotePort ?? 0, host: remoteAddress ?? '' });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('data', (chunk) => {
          if (!isHanging) to.write(chunk);
        });
        from.on('close', () => to.destroy()).on('error', () => {});
      }
    }).listen(0, '127.0.0.1');
    let isHanging = false;
    await once(gate, 'listening');
    const url = new URL(watched.connectionString);
    Object.assign(url, { hostname: '127.0.0.1', port: String((gate.address() as AddressInfo).port) });
    const abort = new AbortController();
    const monitor = monitorOf(
      {},
      {
        connect: async (signal) => {
          const opened = await openConnection(url.toString(), 'integrity-test', signal);
          isHanging = true;
          setTimeout(() => abort.abort(), 50);
          return opened;
        },
      },
    );
    const startMs = performance.now();
    expect(await monitor.pass(abort.signal)).toMatchObject({ runs: 0 });
    expect(performance.now() - startMs).toBeLessThan(30_000);
    gate.close();
  });
});

describe('several processes', () => {
  test('see the same results, and each can have checks run by the one that runs them', async () => {
    const [runner, other] = [monitorOf({ invariants: [WITHOUT_TRACK] }), monitorOf({ invariants: [WITHOUT_TRACK] })];
    await runner.pass();
    await other.reload();
    expect(other.list()).toEqual(runner.list().map((one) => ({ ...one, notes: [], scan: null })));
    await sql.query(`INSERT INTO posts VALUES (5001, 'audio', NULL)`);
    expect(await other.request([WITHOUT_TRACK.name])).toEqual([WITHOUT_TRACK.name]);
    expect((await runner.pass()).runs).toBe(1);
    expect((await runner.pass()).runs).toBe(0);
    await other.reload();
    expect(check(other, WITHOUT_TRACK.name)).toMatchObject({ status: 'violated', violations: 1 });
  });
});

describe('what is kept', () => {
  test('forgets checks that are gone, and not those that were not listed yet', async () => {
    await monitorOf({ invariants: [WITHOUT_TRACK] }).pass();
    expect((await store.load('tracks')).map(({ id }) => id)).toEqual(
      expect.arrayContaining([WITHOUT_TRACK.name, 'public.posts.posts_track']),
    );
    await sql.query('ALTER TABLE posts DROP CONSTRAINT posts_track');
    clock.tick(24 * 3_600_000);
    await monitorOf().pass();
    expect((await store.load('tracks')).map(({ id }) => id).sort()).toEqual([
      'disabled-triggers',
      'invalid-indexes',
      'replication-role',
      'unvalidated-constraints',
    ]);
  });

  test('is kept in memory while its own database is down, and says so', async () => {
    const broken: IntegrityStore = {
      ...store,
      load: () => Promise.reject(new Error('is down')),
      save: () => Promise.reject(new Error('is down')),
    };
    const monitor = monitorOf({ invariants: [WITHOUT_TRACK] }, { store: broken });
    expect((await monitor.pass()).problem).toMatch(/is down/);
    expect(check(monitor, WITHOUT_TRACK.name).status).toBe('ok');
  });

  test('is bounded: old results go', async () => {
    const monitor = monitorOf({ invariants: [WITHOUT_TRACK] });
    await monitor.pass();
    await pool.query(
      `INSERT INTO integrity_results (database, check_id, at, status, violations)
      SELECT 'tracks', $1, now() - n * interval '1 minute', 'ok', 0 FROM generate_series(1, 2500) AS n UNION ALL
      SELECT 'tracks', $1, now() - interval '91 days', 'ok', 0`,
      [WITHOUT_TRACK.name],
    );
    clock.tick(15 * 60_000);
    await monitor.pass();
    const { rows } = await pool.query('SELECT count(*)::int AS n FROM integrity_results WHERE check_id = $1', [
      WITHOUT_TRACK.name,
    ]);
    expect(rows[0]).toEqual({ n: 2001 });
  });
});
