import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DatabaseSummary } from '@clearway/contracts';
import pg from 'pg';
import { MonitorStore, WriteBehind, type StoredPass } from '../src/index.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const at = (minutes: number): string => new Date(NOW_MS + minutes * 60_000).toISOString();

let database: TestDatabase;
let pool: pg.Pool;
let store: MonitorStore;
beforeAll(async () => {
  database = await withTestDatabase();
  pool = new pg.Pool({ connectionString: database.connectionString, max: 2 });
  store = new MonitorStore(pool);
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});
beforeEach(() => pool.query('TRUNCATE database_samples, database_results, database_events'));

function pass(minutes: number, more: Partial<StoredPass> = {}): StoredPass {
  const document = { summary: { id: 'shop', status: 'ok' } as DatabaseSummary, views: { minutes } };
  return { databaseId: 'shop', kind: 'quick', at: at(minutes), durationMs: 12, document, ...more };
}

describe('the results of passes', () => {
  test('are the last of each kind for whoever did not make them, apart by database', async () => {
    await store.savePass(pass(1));
    await store.savePass(pass(2));
    await store.savePass(pass(3, { kind: 'full' }));
    await store.savePass(pass(9, { databaseId: 'other' }));
    expect((await store.latest('shop', 'quick'))?.views).toEqual({ minutes: 2 });
    expect((await store.latest('shop', 'full'))?.views).toEqual({ minutes: 3 });
    expect(await store.latest('nobody', 'full')).toBeUndefined();
    expect(
      (await pool.query(`SELECT FROM database_results WHERE database_id = 'shop' AND kind = 'quick'`)).rowCount,
    ).toBe(1);
  });

  test('leave figures, of which a bounded number is read back', async () => {
    for (let i = 0; i < 5; i++) await store.savePass(pass(i, { figures: { connections: i, size_bytes: i * 100 } }));
    const { samples } = await store.history('shop', NOW_MS + 60_000, ['connections']);
    expect(samples).toEqual([1, 2, 3, 4].map((i) => ({ at: at(i), values: { connections: i } })));
    await pool.query(
      `INSERT INTO database_samples SELECT 'shop', now() - n * interval '1 s', '{"a": 1}' FROM generate_series(1, 5000) n`,
    );
    expect((await store.history('shop', 0, [])).samples.length).toBeLessThanOrEqual(2000);
  });

  test('tell how the size went, a point an hour', async () => {
    for (const minutes of [0, 20, 61, 125]) await store.savePass(pass(minutes, { figures: { size_bytes: minutes } }));
    await store.savePass(pass(130, { figures: { connections: 1 } }));
    expect((await store.sizes('shop')).map(({ sizeBytes }) => sizeBytes)).toEqual([0, 61, 125]);
  });

  test('go when they are old enough', async () => {
    await store.savePass(pass(-9 * 1440, { kind: 'full', figures: { a: 1 } }));
    await store.savePass(pass(0, { kind: 'full', figures: { a: 1 } }));
    await store.saveEvent('shop', { at: at(-91 * 1440), kind: 'lost', message: 'old' });
    await store.saveEvent('shop', { at: at(-5), kind: 'lost', message: 'new' });
    expect(await store.prune(NOW_MS)).toBe(3);
    expect(await store.events('shop', 10)).toEqual([{ at: at(-5), kind: 'lost', message: 'new' }]);
  });
});

describe('what cannot be written yet', () => {
  test('waits in order, and the oldest goes when it is too much', async () => {
    const problems: unknown[] = [];
    const written: number[] = [];
    let isDown = true;
    const behind = new WriteBehind(3, (error) => problems.push(error));
    for (const n of [1, 2, 3, 4]) {
      behind.add(() => {
        if (isDown) return Promise.reject(new Error('down'));
        written.push(n);
        return Promise.resolve();
      });
    }
    await behind.flush();
    expect(behind.stats).toEqual({ waiting: 3, dropped: 1 });
    expect(problems).toHaveLength(1);
    isDown = false;
    await Promise.all([behind.flush(), behind.flush()]);
    expect(written).toEqual([2, 3, 4]);
    expect(behind.stats).toEqual({ waiting: 0, dropped: 1 });
  });
});
