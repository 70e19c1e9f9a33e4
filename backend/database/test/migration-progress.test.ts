import { dataMigrationsSchema, type DataMigrationSettings, type MigrationSample } from '@clearway/contracts';
import { manualClock, type ManualClock } from '@clearway/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { compareMetric, overallVerdict } from '../src/monitoring/migration-progress/compare.ts';
import { migrationStore, type MigrationStore } from '../src/monitoring/migration-progress/migration-store.ts';
import { MigrationWatch, type MigrationWatchOptions } from '../src/monitoring/migration-progress/migration-watch.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

let watched: TestDatabase;
let own: TestDatabase;
let pool: pg.Pool;
let sql: pg.Client;
let clock: ManualClock;
let store: MigrationStore;

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
  store = migrationStore(pool);
  await pool.query('TRUNCATE data_migrations, data_migration_samples');
  await sql.query(`DROP TABLE IF EXISTS items, latency; CREATE TABLE items (id int PRIMARY KEY, moved boolean NOT NULL DEFAULT false, broken boolean NOT NULL DEFAULT false);
    INSERT INTO items SELECT generate_series(1, 1000); CREATE TABLE latency (ms float8); INSERT INTO latency VALUES (100)`);
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: watched.connectionString });
  client.on('error', () => {});
  await client.connect();
  return client;
}

const settingsOf = (more: object = {}): DataMigrationSettings => {
  const [settings] = dataMigrationsSchema.parse([
    {
      name: 'move-items',
      database: 'shop',
      total: 'SELECT count(*) FROM items',
      done: 'SELECT count(*) FROM items WHERE moved',
      errors: 'SELECT count(*) FROM items WHERE broken',
      metrics: [{ name: 'latency', title: 'p95', sql: 'SELECT ms FROM latency', unit: 'ms' }],
      ...more,
    },
  ]);
  if (!settings) throw new Error('no entry');
  return settings;
};
const watchOf = (settings: object = {}, more: Partial<MigrationWatchOptions> = {}) =>
  new MigrationWatch({ settings: settingsOf(settings), connect, store, clock, ...more });
const move = (upTo: number) => sql.query('UPDATE items SET moved = id <= $1', [upTo]);
const after = async (watch: MigrationWatch, minutes: number) => {
  clock.tick(minutes * 60_000);
  await watch.sample();
  return watch.view();
};

describe('a data migration', () => {
  test('goes from baseline to steady, with progress, rate and time left', async () => {
    const changes: string[] = [];
    const watch = watchOf(
      {},
      { onChange: ({ phase, status }, before) => changes.push(`${before.phase} → ${phase} (${status})`) },
    );
    expect(await after(watch, 0)).toMatchObject({
      phase: 'baseline',
      status: 'waiting',
      total: 1000,
      done: 0,
      percent: 0,
    });
    await move(100);
    expect(await after(watch, 1)).toMatchObject({
      phase: 'active',
      status: 'running',
      percent: 10,
      ratePerMinute: null,
      startedAt: '2026-11-22T12:01:00.000Z',
    });
    await move(200);
    expect(await after(watch, 1)).toMatchObject({ percent: 20, ratePerMinute: 100, secondsLeft: 480, errors: 0 });
    await sql.query('INSERT INTO items SELECT generate_series(1001, 1050)'); // more to do meanwhile
    await move(300);
    expect(await after(watch, 1)).toMatchObject({ ratePerMinute: 100, secondsLeft: 600, total: 1050 });
    await move(1050);
    expect(await after(watch, 5)).toMatchObject({
      phase: 'validation',
      status: 'validating',
      percent: 100,
      secondsLeft: 0,
      completedAt: '2026-11-22T12:08:00.000Z',
    });
    expect(await after(watch, 59)).toMatchObject({ phase: 'validation' });
    expect(await after(watch, 1)).toMatchObject({ phase: 'steady', status: 'steady' });
    expect(changes).toEqual([
      'baseline → active (running)',
      'active → validation (validating)',
      'validation → steady (steady)',
    ]);
  });

  test('is stalled after ten minutes without progress, and says so once', async () => {
    const changes: string[] = [];
    const watch = watchOf({}, { onChange: ({ status }) => changes.push(status) });
    await after(watch, 0);
    await move(100);
    await after(watch, 1);
    expect(await after(watch, 9)).toMatchObject({ status: 'running', ratePerMinute: 0, secondsLeft: null });
    expect(await after(watch, 1)).toMatchObject({ status: 'stalled', lastProgressAt: '2026-11-22T12:01:00.000Z' });
    await after(watch, 5);
    await move(101);
    expect(await after(watch, 1)).toMatchObject({ status: 'running' });
    expect(changes).toEqual(['running', 'stalled', 'running']);
  });

  test('is watched while it is undone, and back at its baseline afterwards', async () => {
    const watch = watchOf();
    await after(watch, 0);
    await move(1000);
    await after(watch, 1);
    await move(400);
    expect(await after(watch, 1)).toMatchObject({
      phase: 'active',
      status: 'reversing',
      percent: 40,
      ratePerMinute: null,
    });
    await move(0);
    expect(await after(watch, 1)).toMatchObject({ phase: 'baseline', status: 'waiting', startedAt: null });
  });

  test('goes back when there is more to do again, and waits for its checks', async () => {
    let violated: string[] = ['posts-without-track is violated'];
    const watch = watchOf({ validationMinutes: 0 }, { waitsFor: () => violated });
    await after(watch, 0);
    await move(1000);
    expect(await after(watch, 1)).toMatchObject({ phase: 'validation' });
    expect(await after(watch, 1)).toMatchObject({ phase: 'validation', waitsFor: violated });
    await sql.query('INSERT INTO items VALUES (2000)');
    expect(await after(watch, 1)).toMatchObject({ phase: 'active', completedAt: null });
    await move(2000);
    violated = [];
    await after(watch, 1);
    expect(await after(watch, 1)).toMatchObject({ phase: 'steady', waitsFor: [] });
  });

  test('goes on in another process: phase, samples and baseline are kept', async () => {
    const first = watchOf();
    for (let i = 0; i < 3; i++) await after(first, 5);
    await move(10);
    await after(first, 1);
    const second = watchOf();
    await move(20);
    expect(await after(second, 1)).toMatchObject({
      phase: 'active',
      startedAt: first.view().startedAt,
      ratePerMinute: 10,
    });
    expect(second.view().metrics[0]?.baseline).toMatchObject({ samples: 3, median: 100 });
    expect(second.samples()).toHaveLength(5);
  });

  test('can be set to a phase by hand: begun before anything is done, and a new baseline', async () => {
    const watch = watchOf();
    await after(watch, 0);
    await watch.setPhase('active');
    expect(await after(watch, 1)).toMatchObject({ phase: 'active', status: 'running' });
    expect(await after(watch, 9)).toMatchObject({ status: 'stalled' });
    await watch.setPhase('baseline');
    expect(watch.view()).toMatchObject({ phase: 'baseline', metrics: [{ baseline: { samples: 0 } }] });
    expect(await after(watchOf(), 1)).toMatchObject({ phase: 'baseline', metrics: [{ baseline: { samples: 1 } }] });
  });

  test('is set in one process and followed in another', async () => {
    const [sampling, other] = [watchOf(), watchOf()];
    await after(sampling, 0);
    await other.reload();
    expect(other.view()).toMatchObject({ phase: 'baseline', total: 1000, metrics: [{ baseline: { samples: 1 } }] });
    await other.setPhase('active');
    expect(await after(sampling, 1)).toMatchObject({ phase: 'active', status: 'running' });
    await other.setPhase('baseline');
    expect(await after(sampling, 1)).toMatchObject({ phase: 'baseline', metrics: [{ baseline: { samples: 1 } }] });
  });

  test('whose figures cannot be read is unknown, with the reason, and keeps what it knew', async () => {
    const watch = watchOf({ done: 'SELECT count(*) FROM items WHERE moved_at IS NOT NULL' });
    expect(await after(watch, 0)).toMatchObject({
      status: 'unknown',
      problem: expect.stringMatching(/^done .*moved_at/),
      total: null,
    });
    const writing = watchOf({ total: 'DELETE FROM items RETURNING id' });
    expect(await after(writing, 0)).toMatchObject({
      status: 'unknown',
      problem: expect.stringContaining('total would change the database'),
    });
    let isUp = true;
    const down = () => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    const cut = watchOf({}, { connect: () => (isUp ? connect() : down()) });
    await after(cut, 0);
    isUp = false;
    expect(await after(cut, 5)).toMatchObject({ status: 'unknown', total: 1000, problem: 'connect ECONNREFUSED' });
    isUp = true;
    expect(await after(cut, 5)).toMatchObject({ status: 'waiting', problem: null });
  });

  test('is sampled each minute while it is active, and a fifth as often otherwise', async () => {
    const watch = watchOf();
    expect(watch.isDue).toBe(true);
    await after(watch, 0);
    clock.tick(299_000);
    expect(watch.isDue).toBe(false);
    clock.tick(1000);
    expect(watch.isDue).toBe(true);
    await move(1);
    await after(watch, 0);
    clock.tick(60_000);
    expect(watch.isDue).toBe(true);
  });
});

describe('the comparison with the baseline', () => {
  const [latency] = settingsOf().metrics;
  if (!latency) throw new Error('no metric');
  const samples = (phase: MigrationSample['phase'], ...values: (number | null)[]): MigrationSample[] =>
    values.map((value) => ({ at: '', phase, total: 1, done: 1, errors: 0, metrics: { latency: value } }));
  const before = samples('baseline', 98, 100, 102, 100, 100);

  test.each([
    ['same', [105, 104, 106], 'p95: 100 ms before, 105 ms during (+5 %), within 10 ms: same'],
    ['worse', [150, 160, 155], 'p95: 100 ms before, 155 ms during (+55 %): worse'],
    ['better', [50, 49, 51], 'p95: 100 ms before, 50 ms during (-50 %): better'],
    ['same', [100, 100, 900], 'p95: 100 ms before, 100 ms during (0 %), within 10 ms: same'],
    ['unknown', [900, 900], 'p95: 100 ms before; not enough samples since'],
    ['unknown', [null, null, null], 'p95: 100 ms before; not enough samples since'],
  ])('says %s, with figures: %j', (verdict, values, words) => {
    expect(compareMetric(latency, [...samples('active', ...values), ...before])).toMatchObject({ verdict, words });
  });

  test('needs a baseline, and takes what comes after over what was during', () => {
    expect(compareMetric(latency, samples('active', 1, 1, 1))).toMatchObject({
      verdict: 'unknown',
      words: 'p95: no baseline (0 of 3 samples)',
    });
    const all = [...samples('steady', 101, 100, 99), ...samples('active', 300, 300, 300), ...before];
    expect(compareMetric(latency, all)).toMatchObject({
      verdict: 'same',
      during: { verdict: 'worse' },
      after: { verdict: 'same' },
    });
  });

  test('takes what a metric varies by itself for the same', () => {
    const noisy = samples('baseline', 50, 150, 100, 70, 130, 90, 110);
    expect(compareMetric(latency, [...samples('active', 140, 140, 140), ...noisy]).verdict).toBe('same');
    expect(compareMetric(latency, [...samples('active', 300, 300, 300), ...noisy]).verdict).toBe('worse');
  });

  test('knows which way is better, and that anything worse makes the whole worse', () => {
    const rate = { ...latency, better: 'higher' as const };
    expect(compareMetric(rate, [...samples('active', 150, 150, 150), ...before]).verdict).toBe('better');
    const overall = (...verdicts: ('better' | 'same' | 'worse' | 'unknown')[]) =>
      overallVerdict(verdicts.map((verdict) => ({ verdict })));
    expect(overall('better', 'worse', 'same')).toBe('worse');
    expect(overall('better', 'same', 'unknown')).toBe('better');
    expect(overall('unknown')).toBe('unknown');
  });
});
