import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  dataMigrationListSchema,
  dataMigrationReportSchema,
  dataMigrationsSchema,
  dataMigrationViewSchema,
  integrityListSchema,
  integrityReportSchema,
  integritySchema,
} from '@clearway/contracts';
import { createDatabase, LeaseKeeper, type Database } from '@clearway/database';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { integrityMetrics } from '../src/integrity/integrity-metrics.ts';
import { integrityOperations, type WriteAudit } from '../src/integrity/integrity-operations.ts';
import { createIntegrity, type Integrity } from '../src/integrity/integrity.ts';
import { repeat } from '../src/integrity/repeat.ts';
import { createDataMigrations, type DataMigrations } from '../src/migrations/data-migrations.ts';
import { migrationMetrics } from '../src/migrations/migration-metrics.ts';
import { migrationOperations } from '../src/migrations/migration-operations.ts';
import { routeFigures } from '../src/migrations/route-figures.ts';
import { startApi, type ApiUnderTest } from './support/operations.ts';

const OPERATOR = 'operator-token-0123456789';
const VIEWER = 'viewer-token-0123456789';
let testDatabase: TestDatabase;
let database: Database;
let integrity: Integrity;
let migrations: DataMigrations;
let api: ApiUnderTest;
const audited: unknown[] = [];
let isAuditUp = true;

const SETTINGS = integritySchema.parse([
  {
    database: 'shop',
    invariants: [
      {
        name: 'items-without-owner',
        sql: 'SELECT id, owner FROM items WHERE owner IS NULL',
        runbook: 'docs/runbooks/items.md',
      },
    ],
    counts: [{ name: 'items', sql: 'SELECT count(*) FROM items' }],
    pacing: { everySeconds: 3600, sharePercent: 100 },
  },
]);
const MIGRATIONS = dataMigrationsSchema.parse([
  {
    name: 'own-items',
    database: 'shop',
    total: 'SELECT count(*) FROM items',
    done: 'SELECT count(owner) FROM items',
    checks: ['items-without-owner'],
    metrics: [{ name: 'items', sql: 'SELECT count(*) FROM items' }],
  },
]);

beforeAll(async () => {
  testDatabase = await withTestDatabase();
  const { connectionString } = testDatabase;
  database = createDatabase({ connectionString, applicationName: 'integrity-test' });
  await database.pool.query(`CREATE SCHEMA shop; CREATE TABLE items (id int PRIMARY KEY, owner text);
    INSERT INTO items VALUES (1, 'ada'), (2, NULL), (3, NULL)`);
  const databases = [{ id: 'shop', connectionString: () => connectionString }];
  const nothing = (): void => {};
  const lease = { check: () => Promise.resolve('held' as const) };
  const common = { databases, own: database.pool, lease, log: { info: nothing, warn: nothing } };
  integrity = createIntegrity({ ...common, settings: SETTINGS });
  migrations = createDataMigrations({ ...common, settings: MIGRATIONS, integrity });
  const writeAudit: WriteAudit = (...entry) => {
    if (!isAuditUp) return Promise.reject(new Error('down'));
    audited.push(entry);
    return Promise.resolve();
  };
  api = await startApi({
    tokens: [
      { role: 'operator', token: OPERATOR },
      { role: 'viewer', token: VIEWER },
    ],
    more: [...integrityOperations(() => integrity, writeAudit), ...migrationOperations(() => migrations, writeAudit)],
  });
  const passed = integrityMetrics(api.telemetry.metrics, () => integrity);
  migrationMetrics(api.telemetry.metrics, () => migrations);
  const [monitor] = integrity.monitors;
  if (monitor) passed('shop', await monitor.pass());
  await migrations.watches[0]?.sample();
});
afterAll(async () => {
  await api?.close();
  await integrity?.stop();
  await migrations?.stop();
  await database?.close();
  await testDatabase?.close();
});
beforeEach(() => {
  audited.length = 0;
  isAuditUp = true;
});

const ask = (path: string, token = OPERATOR) => api.get(path, { authorization: `Bearer ${token}` });
async function read<Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  token = OPERATOR,
): Promise<z.output<Schema>> {
  const answer = await ask(path, token);
  expect(answer.status).toBe(200);
  return schema.parse(await answer.json());
}
const post = (path: string, body: object, token = OPERATOR) =>
  fetch(api.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'clearway-actor': 'ada' },
    body: JSON.stringify(body),
  });

describe('integrity checks by the API', () => {
  test('are listed with the violated ones first, and counted for each database', async () => {
    const { databases, checks, total } = await read(integrityListSchema, '/api/database/integrity');
    expect(databases).toEqual([expect.objectContaining({ database: 'shop', violated: 1, unknown: 0, problem: null })]);
    expect(total).toBe(databases[0]?.checks);
    expect(checks[0]).toMatchObject({ id: 'items-without-owner', violations: 2, sample: [{ id: '2' }, { id: '3' }] });
    const filtered = await read(integrityListSchema, '/api/database/integrity?database=shop&status=ok&kind=count');
    expect(filtered.checks).toEqual([expect.objectContaining({ id: 'items', value: 3 })]);
    expect((await ask('/api/database/integrity?database=nowhere')).status).toBe(404);
    expect((await ask('/api/database/integrity?status=fine')).status).toBe(400);
  });

  test('show keys of rows to operators only', async () => {
    const { checks } = await read(integrityListSchema, '/api/database/integrity', VIEWER);
    expect(checks[0]).toMatchObject({ violations: 2, sample: [] });
  });

  test('are shown with their history', async () => {
    const { check, history } = await read(integrityReportSchema, '/api/database/integrity/shop/items-without-owner');
    expect(check).toMatchObject({ status: 'violated', runbook: 'docs/runbooks/items.md' });
    expect(history).toEqual([expect.objectContaining({ status: 'violated', violations: 2 })]);
    expect((await ask('/api/database/integrity/shop/nothing')).status).toBe(404);
  });

  test('run when an operator asks, with an entry in the audit, and are refused without', async () => {
    const run = (body: object, token?: string) => post('/api/database/integrity/shop/run', body, token);
    const answer = await run({ checks: ['items'], reason: 'after the import' });
    expect([answer.status, await answer.json()]).toEqual([202, { requested: ['items'] }]);
    expect(audited).toEqual([
      [
        { actor: 'operator (ada)', reason: 'after the import' },
        'integrity.run',
        'integrity:shop',
        { checks: ['items'] },
      ],
    ]);
    await database.pool.query(`INSERT INTO items VALUES (4, 'bea')`);
    await integrity.monitors[0]?.pass();
    expect(integrity.monitor('shop')?.find('items')).toMatchObject({ value: 4, trend: 'rising' });
    expect((await run({ reason: 'x' }, VIEWER)).status).toBe(403);
    expect((await run({ checks: ['nothing'], reason: 'x' })).status).toBe(404);
    expect((await run({ checks: ['items'] })).status).toBe(400);
    isAuditUp = false;
    expect((await run({ reason: 'x' })).status).toBe(503);
  });

  test('are metrics', async () => {
    const text = await (await ask('/metrics')).text();
    expect(text).toContain('clearway_integrity_violations{database="shop",check="items-without-owner"} 2');
    expect(text).toContain('clearway_integrity_value{database="shop",check="items"}');
    expect(text).toContain('clearway_integrity_checks{database="shop",status="violated"} 1');
    expect(text).toMatch(/clearway_integrity_busy_seconds_total\{database="shop"\} (?!0$)[\d.]+$/m);
    expect(text).not.toContain('_fkey'); // keys that hold are not shown one by one
  });
});

describe('passes', () => {
  test('are made by one process at a time, and every one shows their results', async () => {
    const nothing = (): void => {};
    const passes: string[] = [];
    const keepers = Object.fromEntries(
      ['first', 'second'].map((holder) => [
        holder,
        new LeaseKeeper({ database: database.pool, name: 'watch', holder, ttlMs: 60_000 }),
      ]),
    );
    const make = (holder: 'first' | 'second') =>
      createIntegrity({
        settings: SETTINGS,
        databases: [{ id: 'shop', connectionString: () => testDatabase.connectionString }],
        own: database.pool,
        lease: keepers[holder] as LeaseKeeper,
        log: { info: nothing, warn: nothing },
        turn: (id, work) => {
          passes.push(`${holder} ${id}`);
          return work(new AbortController().signal);
        },
      });
    const [first, second] = [make('first'), make('second')];
    first.start();
    while (passes.length === 0) await sleep(5);
    second.start();
    while (second.monitors[0]?.list()[0]?.status === 'pending') await sleep(5);
    await first.stop();
    await keepers['first']?.close();
    second.wake('shop');
    while (passes.length === 1) await sleep(5);
    await second.stop();
    await keepers['second']?.close();
    expect(passes).toEqual(['first shop', 'second shop']);
  });

  test('go on after one that threw, begin at once when woken, and end by their signal', async () => {
    const errors: unknown[] = [];
    let rounds = 0;
    const work = repeat(() => (++rounds === 1 ? Promise.reject(new Error('once')) : Promise.resolve()), {
      restMs: () => 3_600_000,
      onError: (error) => errors.push(error),
    });
    await sleep(1);
    work.wake();
    while (rounds < 2) await sleep(1);
    await work.stop();
    expect([rounds, errors]).toEqual([2, [new Error('once')]]);
  });
});

describe('data migrations by the API', () => {
  const path = '/api/database/migrations/own-items';

  test('are listed and shown with their samples', async () => {
    const { migrations: all } = await read(dataMigrationListSchema, '/api/database/migrations', VIEWER);
    expect(all).toEqual([expect.objectContaining({ name: 'own-items', phase: 'baseline', total: 3, done: 1 })]);
    const { samples } = await read(dataMigrationReportSchema, path);
    expect(samples).toEqual([expect.objectContaining({ done: 1, metrics: { items: 3 } })]);
    expect((await ask('/api/database/migrations/nothing')).status).toBe(404);
  });

  test('are sampled when an operator asks, wait for their checks, and have their phase set with an entry in the audit', async () => {
    await database.pool.query(`UPDATE items SET owner = 'cid' WHERE owner IS NULL`);
    const sampled = dataMigrationViewSchema.parse(await (await post(`${path}/sample`, {})).json());
    expect(sampled).toMatchObject({
      phase: 'validation',
      percent: 100,
      waitsFor: ['check items-without-owner is violated'],
    });
    const answer = await post(`${path}/phase`, { phase: 'baseline', reason: 'again' });
    expect([answer.status, dataMigrationViewSchema.parse(await answer.json()).phase]).toEqual([200, 'baseline']);
    expect(audited).toEqual([
      [{ actor: 'operator (ada)', reason: 'again' }, 'migration.phase', 'migration:own-items', { phase: 'baseline' }],
    ]);
    expect((await post(`${path}/phase`, { phase: 'over', reason: 'x' })).status).toBe(400);
    expect((await post(`${path}/sample`, {}, VIEWER)).status).toBe(403);
  });

  test('are metrics', async () => {
    const text = await (await ask('/metrics')).text();
    expect(text).toMatch(/clearway_data_migration_done\{migration="own-items"\} \d/);
    expect(text).toContain('clearway_data_migration_stalled{migration="own-items"} 0');
  });
});

describe('figures of a route', () => {
  test("are those since the last look, from the gateways' own metrics", async () => {
    let text = '';
    const gateway = createServer((_req, res) => void res.end(text)).listen(0, '127.0.0.1');
    await new Promise((resolve) => gateway.once('listening', resolve));
    const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
    const metrics = (fast: number, slow: number, failed: number) => `
clearway_request_duration_seconds_bucket{route="tracks",status_class="2xx",le="0.1"} ${fast}
clearway_request_duration_seconds_bucket{route="tracks",status_class="2xx",le="1"} ${fast + slow}
clearway_request_duration_seconds_bucket{route="tracks",status_class="2xx",le="+Inf"} ${fast + slow}
clearway_request_duration_seconds_bucket{route="other",status_class="2xx",le="+Inf"} 999
clearway_requests_total{route="tracks",method="GET",status_class="2xx",reason="",upstream="u"} ${fast + slow - failed} # {trace_id="00"} 1
clearway_requests_total{route="tracks",method="GET",status_class="5xx",reason="x",upstream="u"} ${failed}
# EOF
`;
    let nowMs = 0;
    const figure = routeFigures({ urls: [url], token: undefined }, () => nowMs);
    const ask = (measure: 'p50Ms' | 'p95Ms' | 'errorPercent' | 'requestsPerSecond') =>
      figure({ name: measure, route: 'tracks', measure, better: 'lower', tolerancePercent: 10, toleranceAbsolute: 0 });
    const all = async () => [
      await ask('p50Ms'),
      await ask('p95Ms'),
      await ask('errorPercent'),
      await ask('requestsPerSecond'),
    ];
    text = metrics(1000, 0, 0);
    expect(await all()).toEqual([undefined, undefined, undefined, undefined]);
    nowMs = 1050; // the next look is another scrape
    text = metrics(1090, 10, 5);
    const [median, p95, errors, rate] = await all();
    expect(median).toBeCloseTo(55.6, 0);
    expect(p95).toBeCloseTo(550, 0);
    expect(errors).toBe(5);
    expect(rate).toBeCloseTo(100 / 1.05);
    gateway.close();
    gateway.closeAllConnections();
  });
});
