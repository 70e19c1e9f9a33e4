import { databaseSchema } from '@clearway/contracts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { DatabaseWatch, UnreachableError } from '../src/index.ts';
import { openConnection } from '../src/monitoring/read-only/open-connection.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

let database: TestDatabase;
let sql: pg.Client;
beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
  sql = new pg.Client({ connectionString: database.connectionString });
  await sql.connect();
});
afterAll(async () => {
  await sql?.end();
  await database?.close();
});

/** Sessions that the watch and what it lent to have open. */
async function sessions(): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'clearway-%'`,
  );
  return rows[0]?.n ?? 0;
}

function watchOf(connectionString: () => string): DatabaseWatch {
  const { id, quickSeconds, fullSeconds, thresholds } = databaseSchema.parse({ id: 'clearway' });
  return new DatabaseWatch({ id, label: id, quickSeconds, fullSeconds, thresholds, connectionString });
}

test('a full pass is wanted before its time once a database answers that did not answer the last one', async () => {
  let isDown = true;
  const watch = watchOf(() => {
    if (isDown) throw new UnreachableError({ kind: 'unreachable', message: 'down', remedy: 'start it' });
    return database.connectionString;
  });
  const size = () => watch.checks.find(({ id }) => id === 'size')?.status;
  await watch.quick();
  await watch.full();
  expect([watch.wantsFull, size()]).toEqual([false, 'skipped']);
  isDown = false;
  await watch.quick();
  expect(watch.wantsFull).toBe(true);
  await watch.full();
  expect([watch.wantsFull, size()]).toEqual([false, 'not_watched']);
  await watch.close();
});

test('a database has two connections at most, whoever looks; full passes come before lent ones and wait for them', async () => {
  const watch = watchOf(() => database.connectionString);
  const order: string[] = [];
  const seen: number[] = [];
  let began: () => void = () => {};
  const hasBegun = new Promise<void>((resolve) => (began = resolve));
  const lent = (name: string) =>
    watch.lend(async (signal) => {
      const client = await openConnection(database.connectionString, 'clearway-integrity');
      order.push(`${name} begins`);
      began();
      seen.push(await sessions());
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await client.end();
      order.push(`${name} ends`);
    });
  await watch.quick();
  await watch.full();
  const first = lent('first');
  await hasBegun;
  await watch.quick(); // goes on beside it
  const full = watch.full().then(() => order.push('full'));
  const second = lent('second');
  await Promise.all([first, full]);
  seen.push(await sessions());
  void watch.full();
  await second;
  expect(order).toEqual(['first begins', 'first ends', 'full', 'second begins', 'second ends']);
  expect(Math.max(...seen)).toBe(2);
  await watch.close();
});
