import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database, type DatabaseOptions } from '../src/index.ts';
import { withTestDatabase, type TestDatabase } from '../src/testing/index.ts';
import { eventually } from './support/eventually.ts';
import { query } from './support/temporary.ts';

let testDatabase: TestDatabase;
let opened: Database[] = [];

beforeAll(async () => {
  testDatabase = await withTestDatabase();
});
afterEach(async () => {
  await Promise.all(opened.map((database) => database.close()));
  opened = [];
});
afterAll(() => testDatabase?.close());

function open(options: Partial<DatabaseOptions> = {}): Database {
  const { connectionString } = testDatabase;
  const database = createDatabase({ connectionString, applicationName: 'client-test', ...options });
  opened.push(database);
  return database;
}

describe('a database', () => {
  test('stores the right time also where the server is not in UTC', async () => {
    const name = new URL(testDatabase.connectionString).pathname.slice(1);
    await query(testDatabase.connectionString, `ALTER DATABASE ${name} SET timezone TO 'America/New_York'`);
    const lastExecutionAt = new Date('2026-07-01T12:00:00.000Z');
    await open().prisma.jobMetrics.create({ data: { jobId: 'zone', lastExecutionAt } });
    const rows = await query(
      testDatabase.connectionString,
      `SELECT extract(epoch FROM last_execution_at)::float8 * 1000 AS ms FROM job_metrics WHERE job_id = 'zone'`,
    );
    expect(rows).toEqual([{ ms: lastExecutionAt.getTime() }]);
  });

  test('ends a statement that runs too long', async () => {
    const database = open({ statementTimeoutMs: 50 });
    await expect(database.prisma.$queryRaw`SELECT pg_sleep(30)::text`).rejects.toThrow(/statement timeout/);
  });

  test('shows its connections, and who waits for one', async () => {
    const database = open({ poolSize: 1 });
    expect(database.stats()).toEqual({ size: 1, total: 0, idle: 0, waiting: 0 });
    const held = await database.pool.connect();
    const waiting = database.prisma.alert.count();
    waiting.catch(() => {});
    await eventually(() => database.stats().waiting > 0);
    expect(database.stats()).toEqual({ size: 1, total: 1, idle: 0, waiting: 1 });
    held.release();
    expect(await waiting).toBe(0);
  });

  test('does not let a query wait for a connection for ever', async () => {
    const database = open({ poolSize: 1, connectionTimeoutMs: 1000 });
    const held = await database.pool.connect();
    await expect(database.prisma.alert.count()).rejects.toThrow(/timeout exceeded/);
    held.release();
  });

  test('closes every session, once', async () => {
    const database = open({ applicationName: 'to-be-closed' });
    await Promise.all([database.prisma.alert.count(), database.prisma.jobMetrics.count()]);
    await Promise.all([database.close(), database.close()]);
    const sessions = `SELECT pid FROM pg_stat_activity WHERE application_name = 'to-be-closed'`;
    await eventually(async () => (await query(testDatabase.connectionString, sessions)).length === 0);
  });

  test('survives that its sessions are ended, and says so', async () => {
    const errors: Error[] = [];
    const database = open({ applicationName: 'to-be-ended', onConnectionError: (error) => errors.push(error) });
    await database.prisma.alert.count();
    const removed = new Promise((resolve) => database.pool.once('remove', resolve));
    await query(
      testDatabase.connectionString,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to-be-ended'`,
    );
    await removed;
    expect(errors.map((error) => error.message)).toEqual([expect.stringContaining('terminating connection')]);
    expect(await database.prisma.alert.count()).toBe(0);
  });
});

describe('ping', () => {
  test('resolves while the database answers, and gives its connection back', async () => {
    const database = open({ poolSize: 1 });
    await database.ping();
    await database.ping(AbortSignal.timeout(5000));
    expect(database.stats()).toMatchObject({ total: 1, idle: 1 });
  });

  test('fails at once where nothing listens', async () => {
    await expect(open({ connectionString: await closedPort() }).ping()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('ends with its signal while no connection is free, and loses none', async () => {
    const database = open({ poolSize: 1 });
    const held = await database.pool.connect();
    await expect(database.ping(AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'TimeoutError' });
    held.release();
    await database.ping();
    expect(database.stats()).toEqual({ size: 1, total: 1, idle: 1, waiting: 0 });
  });

  test('ends with its signal while a query hangs, and gives up that connection', async () => {
    const database = open({ poolSize: 1 });
    await database.ping();
    const abort = new AbortController();
    const client = await database.pool.connect();
    const hang = client.query.bind(client) as (text: string) => Promise<unknown>;
    client.query = (() => {
      setImmediate(() => abort.abort(new Error('too late')));
      return hang('SELECT pg_sleep(30)');
    }) as typeof client.query;
    client.release();
    await expect(database.ping(abort.signal)).rejects.toThrow('too late');
    expect(database.stats().total).toBe(0);
    await database.ping();
  });

  test('ends with its signal while a server accepts and says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const database = open({ connectionString: `postgresql://u:p@127.0.0.1:${port}/d`, connectionTimeoutMs: 200 });
    await expect(database.ping(AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'TimeoutError' });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `postgresql://u:p@127.0.0.1:${port}/d`;
}
