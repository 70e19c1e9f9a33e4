import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { openConnections } from '../src/queue/connections.ts';
import {
  countDeadLetters,
  DEFAULT_KEEP_DAYS,
  discardDeadLetter,
  discardDeadLetters,
  exportDeadLetters,
  listAudit,
  listDeadLetterGroups,
  listDeadLetters,
  pruneHistory,
  readDeadLetter,
  type Connections,
  type DeadLetterSearch,
} from '../src/index.ts';
import { addLetters, wrongGroups } from './support/dead-letters.ts';

let testDatabase: TestDatabase;
let sql: Connections;

beforeAll(async () => {
  testDatabase = await withTestDatabase();
  sql = openConnections({
    connectionString: testDatabase.connectionString,
    applicationName: 'test',
    poolSize: 4,
    onProblem: () => {},
  });
});
afterAll(async () => {
  await sql.close();
  await testDatabase.close();
});
beforeEach(() => sql.query('TRUNCATE dead_letter_queue, replays, job_ledger, audit_log CASCADE'));

const change = { actor: 'operator (alice)', reason: 'test' };

/** All pages of a list, each of two. */
async function allPages(search: Omit<DeadLetterSearch, 'limit'>): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await listDeadLetters(sql, { ...search, limit: 2, ...(cursor !== undefined && { cursor }) });
    found.push(...page.deadLetters.map((letter) => letter.error));
    if (page.nextCursor === undefined) return found;
    cursor = page.nextCursor;
  }
}

describe('a list of dead letters', () => {
  beforeEach(() =>
    addLetters(sql, [
      { jobId: 'a', error: 'one 100%', signature: 'ss1', ageDays: 9 },
      { jobId: 'a', error: 'two', signature: 'ss2', status: 'FAILED', ageDays: 5 },
      { jobId: 'b', error: 'three_x', signature: 'ss1' },
      { jobId: 'b', error: 'four', signature: 'ss2', status: 'SUCCEEDED' },
      { jobId: 'b', error: 'five', signature: 'ss3', discardedDaysAgo: 1 },
    ]),
  );
  const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();

  test.each<[Omit<DeadLetterSearch, 'limit'>, string[]]>([
    [{}, ['four', 'three_x', 'two', 'one 100%']],
    [{ discarded: 'include' }, ['five', 'four', 'three_x', 'two', 'one 100%']],
    [{ discarded: 'only' }, ['five']],
    [{ jobId: 'a' }, ['two', 'one 100%']],
    [{ status: 'FAILED' }, ['two']],
    [{ signature: 'ss1' }, ['three_x', 'one 100%']],
    [{ jobId: 'b', signature: 'ss1', status: 'PENDING' }, ['three_x']],
    [{ since: daysAgo(6) }, ['four', 'three_x', 'two']],
    [{ since: daysAgo(6), until: daysAgo(4) }, ['two']],
    [{ text: 'FOUR' }, ['four']],
    [{ text: '0%' }, ['one 100%']],
    [{ text: 'e_x' }, ['three_x']],
    [{ text: '%' }, ['one 100%']],
    [{ text: '_' }, ['three_x']],
    [{ text: '\\' }, []],
  ])('has, page by page, newest first, what %j means', async (search, expected) => {
    expect(await allPages(search)).toEqual(expected);
  });

  test('refuses a cursor that it did not give', async () => {
    await expect(listDeadLetters(sql, { limit: 2, cursor: 'nonsense' })).rejects.toThrow(/not one that a page gave/);
  });
});

describe('groups', () => {
  test('have counts by status, first and last seen and a sample, and leave out what was discarded', async () => {
    const ids = await addLetters(sql, [
      { jobId: 'a', signature: 'ss1', error: 'oldest', ageDays: 3 },
      { jobId: 'a', signature: 'ss1', error: 'newest', status: 'FAILED' },
      { jobId: 'a', signature: 'ss1', status: 'SUCCEEDED', ageDays: 2 },
      { jobId: 'a', signature: 'ss1', discardedDaysAgo: 1, ageDays: 2 },
      { jobId: 'b', signature: 'ss2', discardedDaysAgo: 1 },
      { jobId: 'b', signature: 'ss3', ageDays: 1 },
    ]);
    const { groups } = await listDeadLetterGroups(sql, { limit: 10 });
    expect(groups.map((group) => group.signature)).toEqual(['ss1', 'ss3']);
    expect(groups[0]).toMatchObject({
      jobId: 'a',
      errorName: 'Error',
      error: 'newest',
      sampleId: ids[1],
      counts: { pending: 1, processing: 0, succeeded: 1, failed: 1, discarded: 1 },
    });
    const [first, last] = [groups[0]?.firstSeenAt, groups[0]?.lastSeenAt].map((at) => Date.parse(at ?? ''));
    expect((last ?? 0) - (first ?? 0)).toBeCloseTo(3 * 86_400_000, -5);
    const signatures = async (search: object) =>
      (await listDeadLetterGroups(sql, { limit: 10, ...search })).groups.map((group) => group.signature);
    expect(await signatures({ discarded: 'only' })).toEqual(['ss2', 'ss1']);
    expect(await signatures({ jobId: 'b' })).toEqual(['ss3']);
    expect(await signatures({ status: 'FAILED' })).toEqual(['ss1']);
  });

  test('come page by page', async () => {
    await addLetters(
      sql,
      [1, 2, 3, 4, 5].map((n) => ({ jobId: 'a', signature: `s${n}`, ageDays: n })),
    );
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await listDeadLetterGroups(sql, { limit: 2, ...(cursor !== undefined && { cursor }) });
      found.push(...page.groups.map((group) => group.signature));
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
    expect(found).toEqual(['s1', 's2', 's3', 's4', 's5']);
  });

  test('are counted right whatever changes letters, and however many do so at once', async () => {
    const changes = Array.from({ length: 8 }, async (_, n) => {
      const ids = await addLetters(
        sql,
        [1, 2, 3, 4].map((m) => ({ jobId: 'a', signature: `s${(n + m) % 3}` })),
      );
      await sql.query("UPDATE dead_letter_queue SET status = 'FAILED', signature = 's9' WHERE id = $1", [ids[0]]);
      await sql.query('UPDATE dead_letter_queue SET discarded_at = now() WHERE id = $1', [ids[1]]);
      await sql.query('DELETE FROM dead_letter_queue WHERE id = $1', [ids[2]]);
    });
    await Promise.all(changes);
    expect(await wrongGroups(sql)).toEqual([]);
    expect((await sql.query('SELECT 1 FROM dead_letter_groups')).rowCount).toBe(4);
    await sql.query('DELETE FROM dead_letter_queue');
    expect((await sql.query('SELECT 1 FROM dead_letter_groups')).rowCount).toBe(0);
  });
});

test('counts by job say since when the oldest waits', async () => {
  await addLetters(sql, [
    { jobId: 'a', ageDays: 9, status: 'SUCCEEDED', signature: 'ss1' },
    { jobId: 'a', ageDays: 8, discardedDaysAgo: 1, signature: 'ss1' },
    { jobId: 'a', ageDays: 7, signature: 'ss2' },
    { jobId: 'a', ageDays: 1, signature: 'ss3' },
    { jobId: 'b', status: 'FAILED', signature: 'ss4' },
  ]);
  const [a, b] = await countDeadLetters(sql);
  expect(a).toMatchObject({ jobId: 'a', pending: 2, processing: 0, succeeded: 1, failed: 0, discarded: 1 });
  expect((Date.now() - (a?.oldestPendingAt?.getTime() ?? 0)) / 86_400_000).toBeCloseTo(7, 3);
  expect(b).toMatchObject({ jobId: 'b', pending: 0, failed: 1, oldestPendingAt: null });
});

describe('a discard', () => {
  test('keeps who and why, once', async () => {
    const [id = ''] = await addLetters(sql, [{ jobId: 'a' }]);
    const two = await Promise.allSettled([
      discardDeadLetter({ connections: sql }, id, change),
      discardDeadLetter({ connections: sql }, id, { ...change, actor: 'operator (alice)' }),
    ]);
    expect(two.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = two.find((each) => each.status === 'rejected');
    expect(String(refused?.reason)).toMatch(/operator \(alice\) discarded it at \d{4}-/);
    expect(await readDeadLetter(sql, id)).toMatchObject({
      status: 'PENDING',
      discardedBy: 'operator (alice)',
      discardReason: 'test',
    });
    const { entries } = await listAudit(sql, { limit: 10, subject: `dead-letter:${id}` });
    expect(entries).toMatchObject([{ action: 'dead-letter.discard', actor: 'operator (alice)', reason: 'test' }]);
    expect(await discardDeadLetter({ connections: sql }, crypto.randomUUID(), change)).toBe(false);
  });

  test('of a group takes what is open, and nothing else', async () => {
    await addLetters(sql, [
      { jobId: 'a', signature: 'ss1' },
      { jobId: 'a', signature: 'ss1', status: 'FAILED' },
      { jobId: 'a', signature: 'ss1', status: 'SUCCEEDED' },
      { jobId: 'a', signature: 'ss1', status: 'PROCESSING' },
      { jobId: 'a', signature: 'ss2' },
    ]);
    expect(await discardDeadLetters({ connections: sql }, { signature: 'ss1' }, change)).toBe(2);
    expect(await discardDeadLetters({ connections: sql }, { signature: 'ss1' }, change)).toBe(0);
    const { entries } = await listAudit(sql, { limit: 10 });
    expect(entries).toMatchObject([
      { subject: 'dead-letters', details: { selection: { signature: 'ss1' }, count: 2 } },
    ]);
    expect(await wrongGroups(sql)).toEqual([]);
  });
});

describe('an export', () => {
  test('has every letter whole, newest first, also where pages end by their size', async () => {
    const big = 'x'.repeat(900_000);
    await addLetters(sql, [
      { jobId: 'a', event: { n: 1 }, stack: 'at here' },
      ...[2, 3, 4, 5].map((n) => ({ jobId: 'a', event: { n, big } })),
      { jobId: 'b', event: null },
    ]);
    const letters = await collect(exportDeadLetters(sql, { jobId: 'a' }));
    expect(letters.map((letter) => (letter.event as { n: number }).n)).toEqual([5, 4, 3, 2, 1]);
    expect(letters[0]?.event).toEqual({ n: 5, big });
    expect(letters.at(-1)).toMatchObject({
      jobId: 'a',
      stack: 'at here',
      error: 'it broke',
      trigger: 'enqueue',
      causes: [],
    });
    const all = await collect(exportDeadLetters(sql, {}));
    expect(all).toHaveLength(6);
    expect(all[0]?.event).toBeNull();
  });
});

describe('retention', () => {
  const prune = () => pruneHistory(sql, DEFAULT_KEEP_DAYS, new AbortController().signal);

  test('deletes what is over and old, and never what waits or is replayed', async () => {
    await addLetters(sql, [
      { jobId: 'a', error: 'waits', ageDays: 1000 },
      { jobId: 'a', error: 'is replayed', status: 'PROCESSING', ageDays: 1000 },
      { jobId: 'a', error: 'succeeded', status: 'SUCCEEDED', ageDays: 91 },
      { jobId: 'a', error: 'failed', status: 'FAILED', ageDays: 91 },
      { jobId: 'a', error: 'was discarded', ageDays: 1000, discardedDaysAgo: 91 },
      { jobId: 'a', error: 'is discarded', ageDays: 1000, discardedDaysAgo: 89 },
      { jobId: 'a', error: 'succeeded lately', status: 'SUCCEEDED', ageDays: 89 },
    ]);
    await prune();
    expect((await allPages({ discarded: 'include' })).sort()).toEqual([
      'is discarded',
      'is replayed',
      'succeeded lately',
      'waits',
    ]);
    expect(await wrongGroups(sql)).toEqual([]);
    const { entries } = await listAudit(sql, { limit: 10 });
    expect(entries).toMatchObject([{ action: 'dead-letter.expire', actor: 'worker', details: { count: 3 } }]);
  });

  test('frees the key of what it deletes, and keeps a key that succeeded for a letter that waits', async () => {
    await addLetters(sql, [
      { jobId: 'a', key: 'given-up', ageDays: 1000, discardedDaysAgo: 91 },
      { jobId: 'a', key: 'waits', ageDays: 1000 },
    ]);
    await sql.query(`INSERT INTO job_ledger (job_id, key, event_id, succeeded_at, created_at)
      SELECT job_id, key, event_id, NULL::timestamptz, created_at FROM dead_letter_queue WHERE key = 'given-up'
      UNION ALL SELECT 'a', unnest(ARRAY['waits', 'over']), gen_random_uuid(), now(), now() - interval '1000 days'`);
    await prune();
    const { rows } = await sql.query('SELECT key FROM job_ledger ORDER BY key');
    expect(rows).toEqual([{ key: 'waits' }]);
  });
});

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}
