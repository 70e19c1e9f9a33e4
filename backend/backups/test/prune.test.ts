import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { identifyProcess } from '@clearway/database';
import { systemClock, type Clock } from '@clearway/kernel';
import {
  directoryStorage,
  listBackups,
  pruneBackups,
  readBackup,
  type BackupProgress,
  type BackupStorage,
  type PruneRequest,
} from '../src/index.ts';
import { lockNameOf } from '../src/lock/lock-name.ts';
import { whileReading } from '../src/lock/read-lease.ts';
import { withStorageLock } from '../src/lock/storage-lock.ts';
import { writeManifest } from '../src/manifest/document.ts';
import type { Manifest } from '../src/manifest/schema.ts';
import { forgeBackup, setState, storeForged } from './support/forged-backup.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 22, 12);
const clock: Clock = { ...systemClock, nowMs: () => NOW_MS, monotonicMs: () => systemClock.monotonicMs() };

describe('pruning a storage', () => {
  let root: string;
  let storage: BackupStorage;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'clearway-prune-'));
    storage = directoryStorage(path.join(root, 'local'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const aged = (days: number, state: 'exact' | 'decoded' | 'damaged' = 'exact', database?: string) =>
    storeForged(storage, NOW_MS - days * DAY_MS, state, database);
  const prune = (change: Partial<PruneRequest> = {}) =>
    pruneBackups({ storages: [storage], policy: { keepDays: 7 }, clock, ...change });
  const lockFile = (database: string): string => {
    const folder = path.join(root, 'local', '.locks');
    mkdirSync(folder, { recursive: true });
    return path.join(folder, `${lockNameOf(database)}.json`);
  };
  /** By the clock of the storage, which here is that of the system. */
  const minutesAgo = (minutes: number): number => Date.now() / 1000 - minutes * 60;
  const note = (host: string, process: string) =>
    JSON.stringify({ token: 't', host, process, work: 'prune', since: 'noon' });

  test('removes what no rule keeps, and a dry run nothing', async () => {
    const [old, young] = [await aged(40), await aged(1)];
    const dry = await prune({ isDryRun: true });
    expect(dry.storages[0]?.databases[0]?.plan.decisions.map(({ action }) => action)).toEqual(['remove', 'keep']);
    expect(await storage.list()).toEqual([old, young]);
    const { storages } = await prune();
    expect(storages).toMatchObject([{ storage: 'local', databases: [{ database: 'tracks', removed: [old] }] }]);
    expect(await storage.list()).toEqual([young]);
    expect(readdirSync(path.join(root, 'local', '.partial'))).toEqual([]);
  });

  test('keeps the last exact one of each database and of each storage', async () => {
    const kept = [await aged(400), await aged(300, 'exact', 'other')];
    const second = directoryStorage(path.join(root, 'second'), 'second');
    const there = await storeForged(second, NOW_MS - 500 * DAY_MS, 'exact');
    await storeForged(second, NOW_MS - 600 * DAY_MS, 'exact');
    await prune({ storages: [storage, second] });
    expect([...(await storage.list()), ...(await second.list())]).toEqual([...kept, there]);
  });

  test('looks at the last proven one again before others go', async () => {
    const [old, last] = [await aged(40), await aged(1)];
    // found to be damaged after the plan was made, by another machine
    const meanwhile: BackupStorage = {
      ...storage,
      locks: {
        ...storage.locks,
        create: async (name, text) => {
          await setState(storage, last, 'damaged', NOW_MS);
          return storage.locks.create(name, text);
        },
      },
    };
    const { storages } = await prune({ storages: [meanwhile] });
    expect(storages[0]?.databases[0]?.failure).toMatchObject({ reason: 'damaged' });
    expect(await storage.list()).toEqual([old, last]);
  });

  test('leaves what a newer version made, and holds an unreadable one for a week from now', async () => {
    const [bad, newer] = [await aged(40), await aged(30)];
    await aged(1);
    writeFileSync(path.join(root, 'local', bad, 'manifest.json'), '{');
    const unknown = { ...forgeBackup(NOW_MS).manifest, formatVersion: 2 } as unknown as Manifest;
    writeFileSync(path.join(root, 'local', newer, 'manifest.json'), writeManifest(unknown));
    await prune();
    expect(await storage.list()).toContain(bad);
    const later: Clock = { ...clock, nowMs: () => NOW_MS + 8 * DAY_MS };
    await prune({ clock: later });
    expect(await storage.list()).not.toContain(bad);
    expect(await storage.list()).toContain(newer);
  });

  test('goes on with the other storages when one fails, and names it', async () => {
    const old = await aged(40);
    await aged(1);
    const down: BackupStorage = { ...storage, id: 'offsite', list: () => Promise.reject(new Error('down')) };
    const { storages } = await prune({ storages: [down, storage] });
    expect(storages).toMatchObject([
      { storage: 'offsite', failure: { reason: 'storage-failed' } },
      { storage: 'local', databases: [{ removed: [old] }] },
    ]);
  });

  test('forgets what failed a week ago', async () => {
    for (const id of ['20261101T020000Z-tracks-3f9a1c', '20261121T020000Z-tracks-3f9a1c'])
      mkdirSync(path.join(root, 'failed', id), { recursive: true });
    expect((await prune({ workDirectory: root })).forgotten).toEqual(['20261101T020000Z-tracks-3f9a1c']);
    expect(readdirSync(path.join(root, 'failed'))).toEqual(['20261121T020000Z-tracks-3f9a1c']);
  });

  test('is refused by name while another machine does it, however far ahead this one has its clock', async () => {
    const [old] = [await aged(40), await aged(1)];
    writeFileSync(lockFile('tracks'), note('another-machine', '4711 1'));
    utimesSync(lockFile('tracks'), minutesAgo(1), minutesAgo(1));
    const { storages } = await prune({ clock: { ...clock, nowMs: () => Date.now() + DAY_MS } });
    expect(storages[0]?.databases[0]?.failure).toMatchObject({
      reason: 'locked',
      message: expect.stringContaining('prune on another-machine, process 4711, since noon') as unknown as string,
    });
    expect(await storage.list()).toContain(old);
  });

  test.each([
    ['of a machine that has not renewed it', 'another-machine', '4711 1', 21],
    ['of a process of this machine that is gone', hostname(), '999999999 1', 0],
    [
      'of a process of this machine that goes on and has let go of it',
      hostname(),
      `${identifyProcess(process.pid)}`,
      21,
    ],
  ])('takes over a stale lock: %s', async (_, host, process, minutes) => {
    const [old] = [await aged(40), await aged(1)];
    writeFileSync(lockFile('tracks'), note(host, process));
    utimesSync(lockFile('tracks'), minutesAgo(minutes), minutesAgo(minutes));
    await prune();
    expect(await storage.list()).not.toContain(old);
    expect(readdirSync(path.dirname(lockFile('tracks')))).toEqual([]);
  });

  test('of two that take a stale lock over at once, one has it', async () => {
    writeFileSync(lockFile('tracks'), note(hostname(), '999999999 1'));
    let working = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++working);
      await new Promise((resolve) => setTimeout(resolve, 50));
      working--;
    };
    const tries = [1, 2].map(() => withStorageLock(storage, { database: 'tracks', what: 'prune', clock }, work));
    const outcomes = await Promise.allSettled(tries);
    expect(most).toBe(1);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });

  // which of both clocks goes on while a machine sleeps, depends on the machine
  test.each(['monotonicMs', 'nowMs'] as const)('stops when it lost its lock during a sleep: %s', async (going) => {
    let sleptMs = 0;
    const times = { monotonicMs: 0, nowMs: NOW_MS };
    const at = (name: typeof going) => () => times[name] + (name === going ? sleptMs : 0);
    const sleepy: Clock = { ...clock, monotonicMs: at('monotonicMs'), nowMs: at('nowMs') };
    const held = withStorageLock(storage, { database: 'tracks', what: 'prune', clock: sleepy }, async (stillHeld) => {
      await stillHeld();
      writeFileSync(lockFile('tracks'), note('another-machine', '4711 1'));
      sleptMs = 30 * 60_000;
      await stillHeld();
    });
    await expect(held).rejects.toMatchObject({ reason: 'locked' });
    expect((await storage.locks.read(lockNameOf('tracks')))?.text).toContain('another-machine');
  });

  test('waits for no reader, and a reader waits for it: what it removed meanwhile is not read', async () => {
    const [old, young] = [await aged(40), await aged(1)];
    const read = async (id: string, work: () => Promise<string>) =>
      whileReading(await readBackup(storage, id), { what: 'restore', clock }, work);
    let reading: Promise<string> | undefined;
    let hasRead = false;
    await withStorageLock(storage, { database: 'tracks', what: 'prune', clock }, async () => {
      reading = read(old, () => Promise.resolve(((hasRead = true), 'read')));
      reading.catch(() => {});
      while ((await storage.locks.list('reading-')).length === 0)
        await new Promise((resolve) => setTimeout(resolve, 5));
      await storage.remove(old);
    });
    await expect(reading).rejects.toMatchObject({ reason: 'not-found' });
    expect(hasRead).toBe(false);
    expect(await read(young, () => Promise.resolve('read'))).toBe('read');
    expect(await storage.locks.list('')).toEqual([]);
  });

  test('spares what another machine reads, until its note was not renewed for 20 minutes', async () => {
    const [old] = [await aged(40), await aged(1)];
    const lease = path.join(path.dirname(lockFile('tracks')), `reading-${old}-00000000.json`);
    writeFileSync(lease, note('another-machine', '4711 1'));
    utimesSync(lease, minutesAgo(1), minutesAgo(1));
    const { storages } = await prune();
    expect(storages[0]?.databases[0]).toMatchObject({ removed: [], inUse: [{ id: old }] });
    utimesSync(lease, minutesAgo(21), minutesAgo(21));
    await prune();
    expect(await storage.list()).not.toContain(old);
    expect(await storage.locks.list('')).toEqual([]);
  });

  test('does not keep anybody from reading where no note can be written', async () => {
    const backup = await readBackup(storage, await aged(1));
    const full = { ...storage, locks: { ...storage.locks, create: () => Promise.reject(new Error('no space left')) } };
    const warnings: (string | undefined)[] = [];
    const reading = {
      what: 'restore',
      clock,
      onProgress: ({ message }: BackupProgress) => void warnings.push(message),
    };
    expect(await whileReading({ ...backup, storage: full }, reading, () => Promise.resolve('read'))).toBe('read');
    expect(warnings).toEqual(['nothing keeps the backup from being pruned: no space left']);
  });

  test('is what the catalogue shows afterwards', async () => {
    await aged(40);
    await aged(1, 'decoded');
    await aged(2);
    await prune();
    expect((await listBackups(storage)).backups.map(({ verifications }) => verifications.state)).toEqual([
      'exact',
      'decoded',
    ]);
  });
});
