import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { manualClock } from '@clearway/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { acquireLease, LeaseKeeper, releaseLease, type LeaseState } from '../src/index.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';
import { eventually } from './support/eventually.ts';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await withTestDatabase();
  pool = new pg.Pool({ connectionString: database.connectionString, max: 4 });
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});
beforeEach(() => pool.query('TRUNCATE leases'));

const NAME = 'watch';
const request = (holder: string, ttlMs = 60_000) => ({ name: NAME, holder, ttlMs });
const expire = () =>
  pool.query(`UPDATE leases SET renewed_at = now() - interval '2 h', expires_at = now() - interval '1 h'`);

describe('a lease', () => {
  test('has one holder, however many ask at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => acquireLease(pool, request(`p${i}`))));
    expect(answers.filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  test('is renewed by its holder with the same token, and refused to others', async () => {
    expect(await acquireLease(pool, request('a'))).toEqual({ token: 1, takenFrom: undefined });
    expect(await acquireLease(pool, request('b'))).toBeUndefined();
    expect(await acquireLease(pool, request('a'))).toEqual({ token: 1, takenFrom: undefined });
  });

  test('that nobody renewed goes to the next one, who is told from whom, under a higher token', async () => {
    await acquireLease(pool, request('a'));
    await expire();
    expect(await acquireLease(pool, request('b'))).toEqual({ token: 2, takenFrom: 'a' });
    expect(await acquireLease(pool, request('a'))).toBeUndefined();
  });

  test('that was given back is free at once, and nobody else can give it back', async () => {
    await acquireLease(pool, request('a'));
    await releaseLease(pool, NAME, 'b');
    expect(await acquireLease(pool, request('b'))).toBeUndefined();
    await releaseLease(pool, NAME, 'a');
    expect(await acquireLease(pool, request('b'))).toEqual({ token: 2, takenFrom: undefined });
  });

  test('of a process that was killed is free when its time is up', async () => {
    const script = fileURLToPath(new URL('./support/hold-lease.ts', import.meta.url));
    const child = spawn(
      process.execPath,
      ['-C', '@clearway/source', '--disable-warning=ExperimentalWarning', script, database.connectionString],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGKILL');
    expect(await acquireLease(pool, request('next'))).toBeUndefined();
    await eventually(async () => (await acquireLease(pool, request('next'))) !== undefined);
    const { rows } = await pool.query('SELECT holder, token::int FROM leases');
    expect(rows).toEqual([{ holder: 'next', token: 2 }]);
  });
});

describe('a keeper', () => {
  test('tells held, elsewhere and unreachable, and hears of the change', async () => {
    const changes: LeaseState[] = [];
    const clock = manualClock();
    let database: Pick<pg.Pool, 'query'> = pool;
    const keeper = new LeaseKeeper({
      ...request('a', 30_000),
      database: { query: (text, values) => database.query(text, values) as never },
      answerLimitMs: 1000,
      onChange: (state) => changes.push(state),
      clock,
    });
    expect(await keeper.check()).toBe('held');
    expect(keeper.token).toBe(1);

    database = { query: () => new Promise(() => {}) } as never;
    expect(await keeper.check()).toBe('held'); // a third of its time is not over
    clock.tick(11_000);
    expect(await keeper.check()).toBe('unreachable');
    expect(keeper.token).toBeUndefined();

    database = pool;
    await expire();
    await acquireLease(pool, request('b'));
    expect(await keeper.check()).toBe('elsewhere');
    await releaseLease(pool, NAME, 'b');
    expect(await keeper.check()).toBe('held');
    expect(changes).toEqual(['held', 'unreachable', 'elsewhere', 'held']);

    await keeper.close();
    expect(await acquireLease(pool, request('b'))).toMatchObject({ takenFrom: undefined });
  });
});
