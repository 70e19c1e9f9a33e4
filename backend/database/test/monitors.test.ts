import { databaseSchema } from '@clearway/contracts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createConnectionPoolMonitor, createDatabaseMonitor, DatabaseWatch, UnreachableError } from '../src/index.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';

let database: TestDatabase;
let sql: pg.Client;
const watches: DatabaseWatch[] = [];
beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
  sql = new pg.Client({ connectionString: database.connectionString, application_name: 'forgetful' });
  await sql.connect();
});
afterAll(async () => {
  await Promise.all(watches.map((watch) => watch.close()));
  await sql?.end();
  await database?.close();
});

function watchOf(connectionString: () => string): DatabaseWatch {
  const { id, thresholds } = databaseSchema.parse({ id: 'clearway' });
  const watch = new DatabaseWatch({ id, label: id, quickSeconds: 60, fullSeconds: 900, thresholds, connectionString });
  watches.push(watch);
  return watch;
}

test('figures, health and pool are told from one pass, however often they are asked for', async () => {
  const watch = watchOf(() => database.connectionString);
  const databaseMonitor = createDatabaseMonitor(watch);
  const connectionPoolMonitor = createConnectionPoolMonitor(watch);
  await sql.query('BEGIN; SELECT 1');
  const metrics = await databaseMonitor.getMetrics();
  const health = await databaseMonitor.checkHealth();
  const pool = await connectionPoolMonitor.checkPoolStatus();
  await sql.query('COMMIT');
  expect([metrics.at, health.at, pool.at]).toEqual([metrics.at, metrics.at, metrics.at]);
  expect(metrics).toMatchObject({ database: 'clearway', figures: { reachable: 1, connections: expect.any(Number) } });
  expect(health).toMatchObject({ database: 'clearway', status: 'ok' });
  expect(health.checks).toContainEqual(expect.objectContaining({ id: 'lock_wait', status: 'ok' }));
  expect(pool).toMatchObject({
    status: 'ok',
    usage: { total: expect.any(Number), usable: expect.any(Number) },
    states: { idleInTransaction: expect.any(Number) },
    recommendation: expect.stringMatching(/\w{3,}/),
  });
  expect(pool.breakdown).toContainEqual(
    expect.objectContaining({ application: 'forgetful', state: 'idle in transaction', connections: 1 }),
  );
});

test('a database that does not answer is critical, and its pool is not called well', async () => {
  const watch = watchOf(() => {
    throw new UnreachableError({ kind: 'unreachable', message: 'it is down', remedy: 'start it' });
  });
  expect(await createDatabaseMonitor(watch).checkHealth()).toMatchObject({ status: 'critical' });
  expect((await createDatabaseMonitor(watch).getMetrics()).figures).toMatchObject({ reachable: 0 });
  expect(await createConnectionPoolMonitor(watch).checkPoolStatus()).toMatchObject({
    status: 'skipped',
    usage: null,
    recommendation: expect.stringContaining('it is down'),
  });
});

test('a database whose certificate is not there is not called well for being asked', async () => {
  const watch = watchOf(() => `${database.connectionString}?sslmode=verify-full&sslrootcert=/nowhere/root.crt`);
  expect(await createDatabaseMonitor(watch).checkHealth()).toMatchObject({ status: 'critical' });
  await watch.full();
  expect(watch.checks.filter(({ id, status }) => status === 'ok' && id !== 'cpu' && id !== 'memory')).toEqual([]);
  expect(JSON.stringify([watch.checks, watch.lastQuick, watch.lastFull])).not.toContain('/nowhere');
});
