import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  databaseBloatSchema,
  databaseConnectionsSchema,
  databaseHistorySchema,
  databaseIndexesSchema,
  databaseLimitsSchema,
  databaseListSchema,
  databaseLocksSchema,
  databaseQueriesSchema,
  databaseReplicationSchema,
  databasesSchema,
  databaseSizesSchema,
  type DatabaseList,
} from '@clearway/contracts';
import { createDatabase, installMonitoring, type Database } from '@clearway/database';
import { startTestServer, withTestDatabase, type TestDatabase, type TestServer } from '@clearway/database/testing';
import { startWhole, type WorkerUnderTest } from './support/worker.ts';

const SECRET = 'a-secret-of-schedulers';
let server: TestServer;
let own: TestDatabase;
let shop: TestDatabase;
let database: Database;
let pool: Database['pool'];
let worker: WorkerUnderTest;

async function eventually<T>(work: () => Promise<T | undefined>, limitMs = 50_000): Promise<T> {
  for (const end = performance.now() + limitMs; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found = await work();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not so within ${limitMs} ms: ${work.toString()}`);
  }
}

const get = async <T>(path: string): Promise<T> => (await fetch(worker.origin + path)).json() as Promise<T>;
const list = () => get<DatabaseList>('/api/database');
const statusOf = async (database: string, check: string): Promise<string | undefined> =>
  (await list()).databases.find(({ id }) => id === database)?.checks.find(({ id }) => id === check)?.status;
const cron = (headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${worker.origin}/api/cron/monitor`, { method, headers });

beforeAll(async () => {
  server = await startTestServer();
  [own, shop] = await Promise.all([
    withTestDatabase({ serverUrl: server.url('postgres') }),
    withTestDatabase({ migrations: null, serverUrl: server.url('postgres') }),
  ]);
  await installMonitoring(shop.connectionString);
  database = createDatabase({ connectionString: shop.connectionString, applicationName: 'shop', poolSize: 5 });
  pool = database.pool;
  await pool.query('CREATE TABLE orders AS SELECT n AS id, n % 10 AS kind FROM generate_series(1, 1000) n');
  worker = await startWhole(
    { DATABASE_URL: own.connectionString, CRON_SECRET: SECRET },
    {
      databases: databasesSchema.parse([
        { id: 'shop', label: 'The shop', url: shop.connectionString, quickSeconds: 1, quotaBytes: 2 ** 40 },
        { id: 'gone', url: 'postgresql://nobody:hunter2@127.0.0.1:1/gone', quickSeconds: 1 },
      ]),
    },
  );
  const have = async (database: string, check: string, status: string): Promise<true> =>
    eventually(async () => ((await statusOf(database, check)) === status ? true : undefined));
  await Promise.all([have('shop', 'size', 'ok'), have('clearway', 'reachable', 'ok')]);
  await have('gone', 'reachable', 'critical');
});
afterAll(async () => {
  await worker?.close();
  await database?.close();
  await Promise.all([own?.close(), shop?.close()]);
  await server?.stop();
});

describe('the watched databases', () => {
  test("are Clearway's own and the declared ones; one that is down is critical, and nothing about it counts as well", async () => {
    const { databases, watchedBy } = databaseListSchema.parse(await list());
    expect(watchedBy).toBe('this worker');
    expect(databases.map(({ id, label, status }) => ({ id, label, status }))).toEqual([
      { id: 'clearway', label: 'clearway', status: 'ok' },
      { id: 'shop', label: 'The shop', status: 'ok' },
      { id: 'gone', label: 'gone', status: 'critical' },
    ]);
    const gone = databases[2];
    const ofTheHost = ['cpu', 'memory'];
    expect(gone?.checks.filter(({ id, status }) => status === 'ok' && !ofTheHost.includes(id))).toEqual([]);
    expect(gone?.checks.find(({ id }) => id === 'reachable')).toMatchObject({
      message: expect.stringContaining('ECONNREFUSED'),
      recommendation: expect.stringContaining('start the server'),
      runbook: 'docs/runbooks/database-down.md',
    });
    expect(JSON.stringify(databases)).not.toMatch(/hunter2|127\.0\.0\.1/);
  });

  test.each([
    ['connections', databaseConnectionsSchema],
    ['locks', databaseLocksSchema],
    ['queries', databaseQueriesSchema],
    ['replication', databaseReplicationSchema],
    ['sizes', databaseSizesSchema],
    ['indexes', databaseIndexesSchema],
    ['bloat', databaseBloatSchema],
    ['limits', databaseLimitsSchema],
  ] as const)('have the view %s in the form of the contract', async (view, schema) => {
    const body = schema.parse(await get(`/api/database/${view}?database=shop`));
    expect(body).toMatchObject({ database: 'shop', at: expect.any(String), skipped: {} });
    expect(body.data).not.toBeNull();
    expect(schema.parse(await get(`/api/database/${view}?database=gone`)).data).toBeNull();
  });

  test('are asked by passes only: a page that is refreshed asks nothing', async () => {
    const sessions = () =>
      pool.query<{ n: number }>(
        `SELECT sum(calls)::int AS n FROM monitoring.pg_stat_statements WHERE query LIKE '%clearway-monitor%' AND query LIKE '%heap%'`,
      );
    const before = (await sessions()).rows[0]?.n;
    for (let i = 0; i < 20; i++) await get('/api/database/sizes?database=shop');
    expect((await sessions()).rows[0]?.n).toBe(before);
  });

  test('are refused under another name, and with parameters that nobody knows', async () => {
    const unknown = await fetch(`${worker.origin}/api/database/sizes?database=nobody`);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ detail: expect.stringContaining('clearway, shop, gone') });
    expect((await fetch(`${worker.origin}/api/database/sizes?databse=shop`)).status).toBe(400);
  });

  test('leave figures and events in the database', async () => {
    const history = await eventually(async () => {
      const found = databaseHistorySchema.parse(
        await get('/api/database/history?database=shop&figures=connections,size_bytes'),
      );
      return found.samples.at(-1)?.values['size_bytes'] === undefined ? undefined : found;
    });
    expect(Object.keys(history.samples.at(-1)?.values ?? {}).sort()).toEqual(['connections', 'size_bytes']);
    await eventually(async () => {
      const { events } = await get<{ events: { kind: string }[] }>('/api/database/events?database=gone');
      return events.some(({ kind }) => kind === 'lost') || undefined;
    });
  });

  test('are metrics with the ids as labels', async () => {
    const text = await (await fetch(`${worker.origin}/metrics`)).text();
    expect(text).toContain('clearway_database_reachable{database="shop"} 1');
    expect(text).toContain('clearway_database_reachable{database="gone"} 0');
    expect(text).toMatch(/clearway_database_check_status\{database="gone",check="reachable"\} 2/);
    expect(text).toMatch(/clearway_database_check_status\{database="gone",check="connections"\} -1/);
    expect(text).toMatch(/clearway_database_pass_duration_seconds_count\{database="shop",kind="full"\} [1-9]/);
  });

  test("count in health: Clearway's own decides, a critical one makes it degraded", async () => {
    const response = await fetch(`${worker.origin}/api/health/database`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'degraded',
      services: { database: { status: 'up' } },
      databases: [{ id: 'clearway' }, { id: 'shop' }, { id: 'gone', status: 'critical' }],
    });
  });
});

describe('a pass on demand', () => {
  test('needs the secret, and no other', async () => {
    expect((await cron()).status).toBe(401);
    expect((await cron({ authorization: 'Bearer another-secret-altogether' })).status).toBe(401);
    expect((await cron({ authorization: `Bearer ${SECRET}x` }, 'POST')).status).toBe(401);
  });

  test('tells what is not well; a second one meanwhile is refused', async () => {
    const authorization = `Bearer ${SECRET}`;
    const [first, second] = await Promise.all([cron({ authorization }), cron({ authorization }, 'POST')]);
    const [done, refused] = first.status === 200 ? [first, second] : [second, first];
    expect([done.status, refused.status]).toEqual([200, 409]);
    expect(await done.json()).toMatchObject({
      status: 'done',
      databases: [
        { id: 'clearway', status: 'ok' },
        { id: 'shop', status: 'ok' },
        {
          id: 'gone',
          status: 'critical',
          problems: expect.arrayContaining([expect.objectContaining({ check: 'reachable' })]),
        },
      ],
    });
  });
});

describe('a changed configuration', () => {
  test('is gone over to: what stays goes on over the connections that it has, what goes is asked no more', async () => {
    const sessions = async (): Promise<number[]> => {
      const { rows } = await pool.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'clearway-monitor' AND datname = current_database() ORDER BY pid`,
      );
      return rows.map(({ pid }) => pid);
    };
    const entry = { id: 'shop', label: 'The shop', url: shop.connectionString, quickSeconds: 1, quotaBytes: 2 ** 40 };
    const nothing = { integrity: [], migrations: [], backups: [], backupStorages: [] };
    const go = (...databases: object[]) =>
      worker.reconfigure({ ...nothing, databases: databasesSchema.parse(databases) });
    const gone = { id: 'gone', url: 'postgresql://nobody:hunter2@127.0.0.1:1/gone', quickSeconds: 1 };
    const before = await sessions();
    await go(entry, { id: 'later', url: own.connectionString, quickSeconds: 1 });
    expect((await list()).databases.map(({ id, status }) => `${id} ${status}`).slice(0, 2)).toEqual([
      'clearway ok',
      'shop ok',
    ]);
    await eventually(async () => ((await statusOf('later', 'size')) === undefined ? undefined : true));
    // the one for quick passes: integrity checks take the other one's place at times
    expect((await sessions()).some((pid) => before.includes(pid))).toBe(true);
    expect(await (await fetch(`${worker.origin}/metrics`)).text()).not.toContain(
      'clearway_database_reachable{database="gone"}',
    );
    expect((await fetch(`${worker.origin}/api/database/sizes?database=gone`)).status).toBe(404);
    expect(await get('/api/database/integrity')).toMatchObject({
      databases: [{ database: 'clearway' }, { database: 'shop' }, { database: 'later' }],
    });

    // with other thresholds it is asked anew, over connections of its own, and the old ones are closed
    await go({ ...entry, thresholds: { connections: { warningPercent: 50 } } }, gone);
    await eventually(async () => ((await statusOf('shop', 'size')) === 'ok' ? true : undefined));
    await eventually(async () => {
      const now = await sessions();
      return (now.length <= 2 && now.every((pid) => !before.includes(pid))) || undefined;
    });
    await eventually(async () => ((await statusOf('gone', 'reachable')) === 'critical' ? true : undefined));
  });
});

describe('two workers', () => {
  test('share the work by a lease: one asks, the other serves what that one left', async () => {
    const other = await startWhole(
      { DATABASE_URL: own.connectionString, CRON_SECRET: SECRET },
      {
        databases: databasesSchema.parse([{ id: 'shop', url: shop.connectionString, quickSeconds: 1 }]),
      },
    );
    try {
      const seen = await eventually(async () => {
        const found = (await (await fetch(`${other.origin}/api/database`)).json()) as DatabaseList;
        return found.watchedBy === 'another worker' && found.databases[1]?.quickPass ? found : undefined;
      });
      expect(seen.databases.map(({ id, status }) => `${id} ${status}`)).toEqual(['clearway ok', 'shop ok']);
      const sizes = databaseSizesSchema.parse(
        await (await fetch(`${other.origin}/api/database/sizes?database=shop`)).json(),
      );
      expect(sizes.data?.tables[0]).toMatchObject({ tableName: 'orders' });
      expect(await (await fetch(`${other.origin}/metrics`)).text()).not.toContain('clearway_database_reachable{');
      const monitors = async (): Promise<number | undefined> => {
        const { rows } = await pool.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'clearway-monitor' AND datname = current_database()`,
        );
        return rows[0]?.n;
      };
      expect(await monitors()).toBeLessThanOrEqual(2);

      // asked for a pass, the other one makes it, and leaves no connections behind
      const answer = await fetch(`${other.origin}/api/cron/monitor`, {
        headers: { authorization: `Bearer ${SECRET}` },
      });
      expect(await answer.json()).toMatchObject({ status: 'done' });
      await eventually(async () => ((await monitors()) ?? 3) <= 2 || undefined);
    } finally {
      await other.close();
    }
  });
});
