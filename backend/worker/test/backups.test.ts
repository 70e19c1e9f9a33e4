import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  backupCronSchema,
  backupDetailsSchema,
  backupHealthSchema,
  backupListSchema,
  backupsSchema,
  backupStoragesSchema,
  databasesSchema,
  jobRunListSchema,
  type DatabaseBackups,
} from '@clearway/contracts';
import { directoryStorage } from '@clearway/backups';
import { createDatabase } from '@clearway/database';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { startWhole, type WorkerUnderTest } from './support/worker.ts';

interface JobAnswer {
  readonly settings: { readonly schedule?: { readonly cron: string } };
}

const SECRET = 'a-secret-of-schedulers';
const directory = mkdtempSync(path.join(tmpdir(), 'clearway-backups-'));
const notices: string[] = [];
let hook: Server;
let own: TestDatabase;
let shop: TestDatabase;
let worker: WorkerUnderTest;
const closing: WorkerUnderTest[] = [];

async function eventually<T>(work: () => Promise<T | undefined>, limitMs = 60_000): Promise<T> {
  for (const end = performance.now() + limitMs; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const found = await work();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not so within ${limitMs} ms: ${work.toString()}`);
  }
}

const sections = (backups: Record<string, unknown>[], disk?: string) => ({
  databases: databasesSchema.parse([{ id: 'shop', url: shop.connectionString }]),
  backups: backupsSchema.parse(
    backups.map((entry) => ({
      schedule: 'never',
      verify: { schedule: 'never', server: shop.connectionString, allowSourceServer: true },
      ...entry,
    })),
  ),
  backupStorages: disk === undefined ? [] : backupStoragesSchema.parse([{ id: 'disk', type: 'directory', path: disk }]),
});

async function start(databaseUrl: string, folder: string): Promise<WorkerUnderTest> {
  const started = await startWhole(
    {
      DATABASE_URL: databaseUrl,
      CRON_SECRET: SECRET,
      BACKUP_DIR: path.join(directory, folder),
      SLACK_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
      PATH: process.env['PATH'] ?? '',
    },
    sections([{ database: 'shop' }]),
  );
  closing.push(started);
  return started;
}

const authorization = { authorization: `Bearer ${SECRET}` };
const cron = (query = '', method = 'POST', at = worker) =>
  fetch(`${at.origin}/api/cron/backup${query}`, { method, headers: authorization });
/** As a person does: it is not looked whether it is under way. */
const runNow = async ({ origin }: WorkerUnderTest, input = {}): Promise<void> => {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ input, reason: 'a test' });
  const answer = await fetch(`${origin}/api/jobs/backup-create-shop/run`, { method: 'POST', headers, body });
  expect(answer.status).toBe(202);
};
const shopOf = async (at = worker): Promise<DatabaseBackups> => {
  const { databases } = backupListSchema.parse(await (await fetch(`${at.origin}/api/backups`)).json());
  return databases[0] as DatabaseBackups;
};
const inState = (state: string, at = worker) =>
  eventually(async () => {
    const [backup] = (await shopOf(at)).backups;
    return backup?.copies[0]?.state === state ? backup : undefined;
  });

beforeAll(async () => {
  hook = createServer((req, res) => {
    req.on('data', (chunk: Buffer) => notices.push(chunk.toString()));
    req.on('end', () => res.end());
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  [own, shop] = await Promise.all([withTestDatabase(), withTestDatabase({ migrations: null })]);
  const database = createDatabase({ connectionString: shop.connectionString, applicationName: 'shop' });
  await database.pool.query('CREATE TABLE orders AS SELECT n AS id, n % 10 AS kind FROM generate_series(1, 1000) n');
  await database.close();
  worker = await start(own.connectionString, 'usual');
  // the jobs are there
  await eventually(async () =>
    (await fetch(`${worker.origin}/api/jobs/backup-create-shop`)).status === 200 ? true : undefined,
  );
});
afterAll(async () => {
  for (const each of closing) await each.close();
  await Promise.all([own?.close(), shop?.close()]);
  await new Promise((resolve) => hook.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

describe('backups in the worker', () => {
  test('are critical while there are none, and say what to do', async () => {
    const { status, checks } = await eventually(async () => {
      const seen = await shopOf();
      return seen.checkedAt === null ? undefined : seen;
    });
    expect(status).toBe('critical');
    expect(checks.find(({ id }) => id === 'last_backup')?.message).toBe('there is no backup: clearway backup create');
    const health = await fetch(`${worker.origin}/api/health/backups`);
    expect(health.status).toBe(503);
    expect(backupHealthSchema.parse(await health.json()).status).toBe('unhealthy');
  });

  test('are made for schedulers with the secret only, once for two who ask at the same time', async () => {
    const without = await fetch(`${worker.origin}/api/cron/backup`, { method: 'POST' });
    const wrong = await fetch(`${worker.origin}/api/cron/backup`, {
      headers: { authorization: 'Bearer another-secret-of-16' },
    });
    expect([without.status, wrong.status]).toEqual([401, 401]);
    expect((await cron('?database=nobody')).status).toBe(404);
    expect((await cron('?work=restore')).status).toBe(400);
    const answers = await Promise.all([cron(), cron('?database=shop', 'GET')]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const [first, second] = await Promise.all(answers.map(async (each) => backupCronSchema.parse(await each.json())));
    expect(first).toEqual({
      work: 'create',
      databases: [{ database: 'shop', status: 'enqueued', eventId: expect.any(String) }],
    });
    expect(second).toEqual(first);
    await inState('decoded');
    expect((await shopOf()).backups).toHaveLength(1);
  });

  test('are restored and compared by the next job, told of, and counted', async () => {
    expect((await cron('?work=prove')).status).toBe(202);
    const backup = await inState('exact');
    expect(backup.restoreSeconds).toBeGreaterThan(0);
    const { checks } = await shopOf();
    expect(checks.filter(({ status }) => status === 'critical' || status === 'warning')).toEqual([]);
    const details = backupDetailsSchema.parse(await (await fetch(`${worker.origin}/api/backups/${backup.id}`)).json());
    expect(details.tables).toEqual([{ name: 'public.orders', rowCount: 1000 }]);
    expect(details.verifications.map(({ level, outcome }) => [level, outcome])).toEqual([
      ['decode', 'passed'],
      ['exact', 'passed'],
    ]);
    await eventually(() => Promise.resolve(notices.some((notice) => notice.includes('was proven')) || undefined));
    expect(notices.filter((notice) => notice.includes('was made'))).toHaveLength(1);
    // a notice is counted when whoever was sent it has answered
    const metrics = await eventually(async () => {
      const text = await (await fetch(`${worker.origin}/metrics`)).text();
      return /clearway_backup_notices_total\{channel="slack",outcome="sent"\} 2/.test(text) ? text : undefined;
    });
    expect(metrics).toMatch(/clearway_backup_check_status\{.*check="last_exact".*\} 0/);
    expect(metrics).toMatch(/clearway_backup_copies\{.*state="exact".*\} 1/);
    expect((await fetch(`${worker.origin}/api/backups/nothing`)).status).toBe(404);
  });

  test('are made once when two workers are asked for the same', async () => {
    const before = (await shopOf()).backups.length;
    const second = await start(own.connectionString, 'usual');
    await eventually(async () =>
      (await fetch(`${second.origin}/api/jobs/backup-create-shop`)).status === 200 ? true : undefined,
    );
    const askedAt = new Date().toISOString();
    for (const each of [worker, second]) await runNow(each, { askedAt });
    await eventually(async () => {
      const answer = await fetch(`${worker.origin}/api/job-runs?jobId=backup-create-shop&status=SUCCEEDED`);
      return jobRunListSchema.parse(await answer.json()).runs.length === before + 2 ? true : undefined;
    });
    expect(await directoryStorage(path.join(directory, 'usual')).list()).toHaveLength(before + 1);
    closing.splice(closing.indexOf(second), 1);
    await second.close();
  });

  test('go over to other sections: what runs ends as it began, the next goes by the new ones, a refused one changes nothing', async () => {
    const to = (backups: Record<string, unknown>[], disk?: string) =>
      worker.reconfigure({ integrity: [], migrations: [], ...sections(backups, disk) });
    const jobs = async () => {
      const { status } = await fetch(`${worker.origin}/api/jobs/backup-create-clearway`);
      const shops = (await (await fetch(`${worker.origin}/api/jobs/backup-create-shop`)).json()) as JobAnswer;
      return { clearway: status, shop: shops.settings.schedule?.cron };
    };
    const local = directoryStorage(path.join(directory, 'usual'));
    const before = (await local.list()).length;
    await expect(to([{ database: 'shop', storage: ['nowhere'] }])).rejects.toThrow('have no storage');
    expect((await cron('?database=clearway')).status).toBe(404);

    const database = createDatabase({ connectionString: shop.connectionString, applicationName: 'shop' });
    const client = await database.pool.connect();
    await client.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    await runNow(worker);
    await eventually(async () => {
      const { rowCount } = await client.query(
        `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND application_name = 'clearway-backup'
           AND datname = current_database()`,
      );
      return rowCount === 0 ? undefined : true;
    });
    await to(
      [{ database: 'shop', schedule: '7 2 * * *', storage: ['disk'] }, { database: 'clearway' }],
      path.join(directory, 'disk'),
    );
    await client.query('COMMIT');
    client.release();
    await database.close();
    const disk = directoryStorage(path.join(directory, 'disk'));
    await eventually(async () => ((await local.list()).length > before ? true : undefined));
    expect(await disk.list()).toEqual([]);
    await eventually(async () => {
      const { clearway, shop: cronOfShop } = await jobs();
      return clearway === 200 && cronOfShop === '7 2 * * *' ? true : undefined;
    });

    await runNow(worker);
    await eventually(async () => ((await disk.list()).length === 1 ? true : undefined));
    expect(await local.list()).toHaveLength(before + 1);
    const { databases } = await eventually(async () => {
      const answer = backupListSchema.parse(await (await fetch(`${worker.origin}/api/backups`)).json());
      return answer.databases.every(({ checkedAt }) => checkedAt !== null) ? answer : undefined;
    });
    expect(databases.map(({ database: id }) => id)).toEqual(['shop', 'clearway']);
  });

  test("are made and watched also while Clearway's own database is down", async () => {
    const alone = await start('postgresql://nobody@127.0.0.1:1/clearway', 'alone');
    const answer = backupCronSchema.parse(await (await cron('', 'POST', alone)).json());
    expect(answer.databases).toEqual([{ database: 'shop', status: 'started' }]);
    const again = await cron('', 'POST', alone);
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ title: 'It is under way already' });
    // other work waits its turn instead of being lost
    expect((await cron('?work=prune', 'POST', alone)).status).toBe(202);
    await inState('decoded', alone);
  });
});
