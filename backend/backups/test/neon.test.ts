import { manualClock } from '@clearway/kernel';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { neonBackups, openNeonApi } from '../src/index.ts';
import { startNeonServer } from './support/neon-server.ts';

const KEY = { apiKey: 'neon-key-of-the-test', projectId: 'calm-river-12345678' };
const DAY_MS = 86_400_000;
let neon: Awaited<ReturnType<typeof startNeonServer>>;
let paused: number[];
const clock = manualClock();

const open = (options: object = {}) => {
  const pause = (ms: number) => Promise.resolve(paused.push(ms));
  return neonBackups(openNeonApi({ ...KEY, baseUrl: neon.baseUrl, pause, patienceMs: 20_000, ...options }), clock);
};

beforeEach(async () => {
  paused = [];
  neon = await startNeonServer(KEY);
  neon.add({ name: 'main', default: true, data: 'monday' });
});
afterEach(() => neon.close());

describe('branches at Neon as backups', () => {
  test('are made of the default branch, and come back with what was there kept aside', async () => {
    const backup = await open().create();
    expect(backup.name).toMatch(/^clearway-backup-\d{8}T\d{6}Z-main-[0-9a-f]{6}$/);
    (neon.branch('main') as { data: string }).data = 'tuesday, dropped by mistake';
    const restored = await open().restore(backup.name, {});
    expect(restored).toMatchObject({ backup: backup.name, branch: 'main' });
    expect(neon.branch('main')?.data).toBe('monday');
    expect(neon.branch(restored.previous ?? '')?.data).toBe('tuesday, dropped by mistake');
    expect((await open().list()).map(({ name }) => name)).toEqual([backup.name]);
  });

  test('can be looked at in a branch of their own', async () => {
    const { name } = await open().create('main');
    expect(await open().restore(name, { newBranch: 'look' })).toMatchObject({ branch: 'look', previous: null });
    expect(neon.branch('look')?.data).toBe('monday');
    await expect(open().restore(name, { newBranch: 'look' })).rejects.toMatchObject({ reason: 'unsupported' });
    await expect(open().restore('main', {})).rejects.toMatchObject({ reason: 'not-found' });
  });

  test('wait for a project that is locked and for the limit of requests, as long as they have patience', async () => {
    neon.faults.lockedTimes = 2;
    neon.faults.limitedTimes = 1;
    await open().create();
    expect(paused).toContain(1000);
    neon.faults.lockedTimes = 1000;
    await expect(open().create()).rejects.toMatchObject({ reason: 'locked', exitCode: 14 });
    expect(paused.length).toBeLessThan(60);
  });

  test('are not made twice when the answer is lost', async () => {
    neon.faults.losesAnswer = true;
    const { name } = await open().create();
    expect(neon.names()).toEqual(['main', name]);
    expect(neon.requests.filter((request) => request.startsWith('POST'))).toHaveLength(1);
  });

  test('are not called made when the operation fails', async () => {
    neon.faults.failsOperations = true;
    await expect(open().create()).rejects.toMatchObject({ reason: 'restore-failed' });
    neon.faults.failsOperations = 'once';
    await expect(open().create()).resolves.toMatchObject({ isInUse: false });
    neon.faults.mostBranches = 2;
    await expect(open().create()).rejects.toMatchObject({
      reason: 'unsupported',
      remedy: expect.stringContaining('neon prune') as unknown,
    });
  });

  test('stay while another branch hangs on them, be it the one that was restored from them', async () => {
    const create = async () => (clock.tick(1000), open().create());
    const [restored, shown, free] = [await create(), await create(), await create()];
    await open().restore(restored.name, {});
    await open().restore(shown.name, { newBranch: 'look' });
    const last = await create();
    clock.tick(30 * DAY_MS);
    expect((await open().list()).filter(({ isInUse }) => isInUse).map(({ name }) => name)).toEqual([
      restored.name,
      shown.name,
    ]);
    expect((await open().prune({ keepDays: 7, keepCount: 1 })).map(({ name }) => name)).toEqual([free.name]);
    expect((await open().list()).map(({ name }) => name)).toContain(last.name);
  });

  test('say what is wrong with key, project and branch, and never show the key', async () => {
    const refusal = async (options: object) => {
      const error = await open(options)
        .create()
        .then(
          () => new Error('it was made'),
          (caught: unknown) => caught as Error,
        );
      expect(String(error.message)).not.toContain(KEY.apiKey);
      return error;
    };
    expect(await refusal({ apiKey: 'another' })).toMatchObject({ reason: 'permission-denied' });
    expect(await refusal({ projectId: 'nobody' })).toMatchObject({ reason: 'not-found' });
    expect(await refusal({ baseUrl: 'http://127.0.0.1:1', patienceMs: 0 })).toMatchObject({ reason: 'unreachable' });
    await expect(open().create('nobody')).rejects.toMatchObject({ reason: 'not-found' });
  });

  test('go when they are old, but never the last one, a protected one, or a branch of somebody else', async () => {
    const made = [];
    for (let day = 0; day < 4; day++) {
      made.push((await open().create()).name);
      clock.tick(DAY_MS);
    }
    (neon.branch(made[1] ?? '') as { protected: boolean }).protected = true;
    neon.add({ name: 'somebody-elses', parent_id: neon.branch('main')?.id ?? '' });
    const rules = { keepDays: 2, keepCount: 1 };
    expect((await open().prune({ ...rules, isDryRun: true })).map(({ name }) => name)).toEqual([made[0]]);
    expect(neon.names()).toContain(made[0]);
    await open().prune(rules);
    expect(neon.names()).toEqual(['main', made[1], made[2], made[3], 'somebody-elses']);
    clock.tick(100 * DAY_MS);
    await open().prune(rules);
    expect(neon.names()).toEqual(['main', made[1], made[3], 'somebody-elses']);
  });
});
