import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directoryStorage } from '@clearway/backups';
import { lockNameOf } from '../../backups/src/lock/lock-name.ts';
import { storeForged } from '../../backups/test/support/forged-backup.ts';
import { clearway, type Outcome } from './support/context.ts';

const DAY_MS = 86_400_000;
const CONFIGURATION = `version: 1
backupStorages:
  - { id: second, type: directory, path: second }
databases:
  - { id: shop, url: 'postgresql://u@127.0.0.1:1/shop' }
backups:
  - { database: shop, storage: [local, second], keepDays: 0, keepCount: 2 }
`;

describe('clearway backup prune', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'clearway-cli-prune-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const kept = () => directoryStorage(path.join(directory, 'kept'));
  const aged = (days: number, database = 'tracks', storage = kept(), state: 'exact' | 'decoded' = 'exact') =>
    storeForged(storage, Date.now() - days * DAY_MS, state, database);
  const prune = (args: readonly string[] = [], variables = {}): Promise<Outcome> =>
    clearway(['backup', 'prune', ...args], { directory, variables: { BACKUP_DIR: 'kept', ...variables } });

  test('says what would go and why, then removes it', async () => {
    const [old, young] = [await aged(40), await aged(2)];
    const dry = await prune(['--dry-run']);
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.out).toMatch(new RegExp(`tracks in local\\n.*\\nwould go +${old} +exact.*no rule keeps it`));
    expect(dry.out).toMatch(new RegExp(`kept +${young} +exact.*the last exact one`));
    expect(await kept().list()).toEqual([old, young]);
    expect((await prune()).out).toContain(`removed  ${old}`);
    expect(await kept().list()).toEqual([young]);
  });

  test.each([
    [['--preset', 'week'], {}, 1],
    [['--keep-days', '12'], { RETENTION_DAYS: '1' }, 2],
    [[], { RETENTION_DAYS: '25' }, 3],
    [['--keep-count', '3'], {}, 3],
    [['--database', 'other', '--keep-count', '1'], {}, 4],
  ] as const)('takes the rules that it is given: %j %j', async (args, variables, left) => {
    for (const days of [1, 10, 20, 35]) await aged(days);
    expect((await prune(args, variables)).code).toBe(0);
    expect(await kept().list()).toHaveLength(left);
  });

  test('follows clearway.yaml for the databases and storages that it names', async () => {
    writeFileSync(path.join(directory, 'clearway.yaml'), CONFIGURATION);
    const second = directoryStorage(path.join(directory, 'second'));
    for (const days of [1, 2, 3]) {
      await aged(days, 'shop');
      await aged(days, 'shop', second);
      await aged(days, 'other');
    }
    const document = JSON.parse((await prune(['--json'])).out) as { storages: { storage: string }[] };
    expect(document.storages.map(({ storage }) => storage)).toEqual(['local', 'second', 'local']);
    expect(await second.list()).toHaveLength(2);
    expect((await kept().list()).map((id) => id.split('-')[1]).sort()).toEqual([
      'other',
      'other',
      'other',
      'shop',
      'shop',
    ]);
  });

  test('warns that proving fails', async () => {
    for (const days of [1, 2, 3, 4]) await aged(days, 'tracks', kept(), 'decoded');
    const { code, out, error } = await prune();
    expect({ code, error }).toMatchObject({
      code: 0,
      error: expect.stringContaining('4 backups of tracks in local are not proven') as unknown,
    });
    expect(out).toContain('unproven, and there are newer ones');
  });

  test('refuses what is no number, and says so when there is nothing', async () => {
    expect(await prune(['--keep-days', 'many'])).toMatchObject({ code: 64 });
    expect((await prune()).out).toContain('there is nothing to prune');
  });

  test('is refused by name while another machine prunes', async () => {
    const [old] = [await aged(40), await aged(1)];
    const note = { token: 't', host: 'elsewhere', process: '4711 1', work: 'prune', since: 'noon' };
    mkdirSync(path.join(directory, 'kept', '.locks'));
    writeFileSync(path.join(directory, 'kept', '.locks', `${lockNameOf('tracks')}.json`), JSON.stringify(note));
    expect(await prune()).toMatchObject({ code: 14, error: expect.stringContaining('prune on elsewhere') as unknown });
    expect(await kept().list()).toContain(old);
  });

  test('leaves what somebody reads, and says who', async () => {
    const [old] = [await aged(40), await aged(1)];
    const note = { token: 't', host: 'elsewhere', process: '4711 1', work: 'restore', since: 'noon' };
    mkdirSync(path.join(directory, 'kept', '.locks'));
    const lease = path.join(directory, 'kept', '.locks', `reading-${old}-00000000.json`);
    writeFileSync(lease, JSON.stringify(note));
    const { code, out } = await prune();
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/left .* restore on elsewhere, .* reads it: it goes the next/),
    ]);
    const { storages } = JSON.parse((await prune(['--json'])).out) as { storages: unknown[] };
    expect(storages).toMatchObject([{ databases: [{ removed: [], inUse: [{ id: old }] }] }]);
    expect(await kept().list()).toContain(old);
  });
});
