import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readdirSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { BackupFailure, directoryStorage, readBackup, type BackupStorage } from '../src/index.ts';
import { keepAside, openStaging, writeWhole } from '../src/engine/staging.ts';
import { writeManifest } from '../src/manifest/document.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { forgeBackup } from './support/forged-backup.ts';

describe('a backup in several storages', () => {
  let server: BenchServer;
  let bench: Bench;
  let connectionString: string;
  let second: BackupStorage;

  beforeAll(async () => {
    server = await openBenchServer();
    connectionString = await server.makeDatabase('source', 'CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)');
  });
  afterAll(() => server.close());
  beforeEach(() => {
    // the dump is not what is tested here: by an installed pg_dump, which is quicker
    bench = openBench(server, { tools: { variables: process.env } });
    second = directoryStorage(path.join(bench.directory, 'second'), 'second');
  });
  afterEach(() => bench.close());

  const down = (storage: BackupStorage): BackupStorage => ({
    ...storage,
    store: () => Promise.reject(new BackupFailure('storage-failed', 'no space left')),
  });
  /** Stores, and damages what it stored. */
  const losing = (storage: BackupStorage): BackupStorage => ({
    ...storage,
    async store(backup) {
      await storage.store(backup);
      truncateSync(path.join(storage.location, backup.id, backup.files[0] ?? ''), 10);
    },
  });

  test('is read in each of them where it lies', async () => {
    const { id, copies } = await bench.create({ connectionString, copies: [second] });
    expect(copies.map(({ storage, failure }) => [storage.id, failure])).toEqual([
      ['local', undefined],
      ['second', undefined],
    ]);
    for (const storage of [bench.storage, second])
      expect((await readBackup(storage, id)).verifications.state).toBe('decoded');
  });

  test.each([
    ['takes nothing', down, 'storage-failed', []],
    ['says yes and holds something else', losing, 'damaged', ['damaged']],
  ] as const)('is made although one of them %s, which is named', async (_, fault, reason, states) => {
    const { id, storage, copies } = await bench.create({ connectionString, copies: [fault(second)] });
    expect(storage.id).toBe('local');
    expect(copies.map((copy) => [copy.storage.id, copy.failure?.reason])).toEqual([
      ['local', undefined],
      ['second', reason],
    ]);
    const there = await Promise.all((await second.list()).map((one) => readBackup(second, one)));
    expect(there.map(({ verifications }) => verifications.state)).toEqual(states);
    const mended = await bench.engine.copy({ backup: await readBackup(bench.storage, id), storage: second });
    expect(mended.verifications.state).toBe('decoded');
    expect(await second.list()).toEqual([id]);
  });

  test('is copied whole when two do it at once', async () => {
    const backup = await bench.create({ connectionString });
    const both = await Promise.all([1, 2].map(() => bench.engine.copy({ backup, storage: second })));
    expect(both.map(({ verifications }) => verifications.state)).toEqual(['decoded', 'decoded']);
    expect(await second.list()).toEqual([backup.id]);
    expect(readdirSync(path.join(second.location, '.partial'))).toEqual([]);
  });

  test('is the second one when the first takes nothing', async () => {
    const { storage } = await bench.create({ connectionString, storage: down(bench.storage), copies: [second] });
    expect(storage.id).toBe('second');
    expect(await bench.storage.list()).toEqual([]);
  });

  test('is copied by the next run to the one that was down', async () => {
    const first = await bench.create({ connectionString, copies: [down(second)] });
    expect(await second.list()).toEqual([]);
    const next = await bench.create({ connectionString, copies: [second] });
    expect(await second.list()).toEqual([first.id, next.id].sort());
  });

  test('waits when none takes it, and is stored by the next run', async () => {
    const failing = bench.create({ connectionString, storage: down(bench.storage), copies: [down(second)] });
    await expect(failing).rejects.toMatchObject({ reason: 'storage-failed' });
    const [waiting] = readdirSync(path.join(bench.directory, 'pending')).filter((name) => !name.includes('.'));
    const next = await bench.create({ connectionString, copies: [second] });
    for (const storage of [bench.storage, second]) expect(await storage.list()).toEqual([waiting, next.id].sort());
    expect(readdirSync(path.join(bench.directory, 'pending'))).toEqual([]);
  });

  test('waits for the storages that it was meant for, and three of them at most', async () => {
    for (let i = 0; i < 4; i++) {
      const { id, manifest } = forgeBackup(Date.now() + i * 1000);
      const staging = await openStaging(bench.directory, id, { nowMs: Date.now(), storages: ['second'] });
      await writeWhole(path.join(staging.folder, 'manifest.json'), writeManifest(manifest));
      await keepAside(staging, new BackupFailure('storage-failed', 'no space left'), Date.now());
      await staging.close();
    }
    expect(readdirSync(path.join(bench.directory, 'pending'))).toHaveLength(2 * 3);
    await bench.create({ connectionString });
    expect(await bench.storage.list()).toHaveLength(1);
    expect(readdirSync(path.join(bench.directory, 'pending'))).toHaveLength(2 * 3);
  });
});
