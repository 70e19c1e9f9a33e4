import type { DatabaseCheck, DatabaseList } from '@clearway/contracts';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { clearway, folderWith } from './support/context.ts';
import { startApi } from './support/fake-worker.ts';

let database: TestDatabase;
const { directory, remove } = folderWith({
  'clearway.yaml': 'version: 1\ndatabases:\n  - { id: shop, url: env:SHOP_URL }\n',
});
beforeAll(async () => {
  database = await withTestDatabase({ migrations: null });
});
afterAll(async () => {
  remove();
  await database?.close();
});
const context = (shop = database.connectionString) => ({ directory, variables: { SHOP_URL: shop } });

describe('clearway database install-monitoring', () => {
  test('installs the functions once, in the database that was named', async () => {
    const words = ['database', 'install-monitoring', 'shop'];
    expect(await clearway(words, context())).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^shop: installed, version/),
    });
    expect(await clearway(words, context())).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^shop: up to date/),
    });
    const other = await clearway(['database', 'install-monitoring', '--to', 'env:SHOP_URL'], context());
    expect(other.out).toMatch(/^env:SHOP_URL: up to date/);
    const client = new pg.Client({ connectionString: database.connectionString });
    await client.connect();
    expect((await client.query('SELECT total FROM monitoring.get_connection_count()')).rowCount).toBe(1);
    await client.end();
  });

  test.each([
    ['a server that is not there', (url: URL) => void (url.port = '1'), /nothing was installed.*\n.*start the server/],
    [
      'a database that does not exist',
      (url: URL) => void (url.pathname = '/nowhere'),
      /nowhere.*\n.*create the database/,
    ],
    ['a wrong password', (url: URL) => void (url.password = 'hunter2'), /password.*\n.*correct the password/],
  ])('refuses %s and says what to do, without the password', async (_what, change, message) => {
    const url = new URL(database.connectionString);
    change(url);
    const outcome = await clearway(['database', 'install-monitoring', 'shop'], context(url.toString()));
    expect(outcome).toMatchObject({ code: 1, error: expect.stringMatching(message) });
    expect(outcome.error + outcome.out).not.toContain('hunter2');
  });

  test('wants one database, by its id or its URL', async () => {
    expect((await clearway(['database', 'install-monitoring'], context())).code).toBe(64);
    expect((await clearway(['database', 'install-monitoring', 'nobody'], context())).error).toMatch(
      /no database nobody/,
    );
  });
});

describe('clearway database status', () => {
  const check = (
    id: DatabaseCheck['id'],
    status: DatabaseCheck['status'],
    more: Partial<DatabaseCheck> = {},
  ): DatabaseCheck => ({
    id,
    status,
    since: '2026-11-22T08:00:00.000Z',
    message: `${id} says`,
    ...more,
  });
  const list = (status: 'ok' | 'critical'): DatabaseList => ({
    watchedBy: 'this worker',
    databases: [
      {
        id: 'shop',
        label: 'shop',
        status,
        reachable: true,
        stale: false,
        server: {
          version: '18.4',
          database: 'shop',
          systemIdentifier: '1',
          startedAt: '2026-11-22T08:00:00.000Z',
          inRecovery: false,
        },
        quickPass: { at: '2026-11-22T08:15:00.000Z', durationMs: 12, skipped: [] },
        fullPass: null,
        checks: [
          check('connections', 'ok'),
          check('lock_wait', status, { recommendation: 'end process 7' }),
          check('cpu', 'not_watched'),
          check('sequences', 'skipped'),
          check('memory', 'ok', {
            pending: { status: 'warning', since: '2026-11-22T08:14:00.000Z', countsFrom: '2026-11-22T08:19:00.000Z' },
          }),
          check('size', 'skipped', { message: 'the database does not answer: timeout' }),
          check('wraparound', 'skipped', { message: 'the database does not answer: timeout' }),
        ],
        capabilities: [
          { capability: 'sequences', available: false, reason: 'hidden from watcher', remedy: 'GRANT pg_monitor' },
        ],
      },
    ],
  });

  test('shows what is not well and what to do, and ends with 1 then', async () => {
    const api = await startApi(() => list('critical'));
    const outcome = await clearway(['database', 'status', '--url', api.url], context());
    expect(outcome.code).toBe(1);
    expect(outcome.out).toMatch(/^critical {2}shop {2}PostgreSQL 18\.4, database shop, asked 08:15:00/);
    expect(outcome.out).toMatch(/lock_wait +lock_wait says\n +→ end process 7/);
    expect(outcome.out).toMatch(/skipped +sequences/);
    expect(outcome.out).toMatch(/hidden +sequences +hidden from watcher\n +→ GRANT pg_monitor/);
    expect(outcome.out).not.toMatch(/connections says|cpu says/);
    expect(outcome.out).toMatch(/ok +memory +memory says; warning if it is still so at 08:19:00/);
    expect(outcome.out).toMatch(/skipped +size, wraparound: the database does not answer\n/);
    await api.close();
  });

  test('ends with 0 when all is well; of a database that is not watched it knows nothing', async () => {
    const api = await startApi(() => list('ok'));
    expect((await clearway(['database', 'status', 'shop', '--all', '--url', api.url], context())).out).toContain(
      'connections says',
    );
    expect((await clearway(['database', 'status', '--url', api.url], context())).code).toBe(0);
    expect(await clearway(['database', 'status', 'nobody', '--url', api.url], context())).toMatchObject({
      code: 1,
      error: expect.stringContaining('There is no database nobody'),
    });
    await api.close();
  });
});
