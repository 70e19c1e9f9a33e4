import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { systemClock } from '@clearway/kernel';
import {
  listBackups,
  pruneBackups,
  readBackup,
  s3Storage,
  type BackupStorage,
  type S3StorageOptions,
} from '../src/index.ts';
import { lockNameOf } from '../src/lock/lock-name.ts';
import { whileReading } from '../src/lock/read-lease.ts';
import { withStorageLock } from '../src/lock/storage-lock.ts';
import { Bucket } from '../src/storage/s3/bucket.ts';
import { openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { openFaultyProxy, type FaultyProxy } from './support/faulty-proxy.ts';
import { forgeBackup, storeForged, type ForgedBackup } from './support/forged-backup.ts';
import { openS3Server, S3_SERVER, type S3Server } from './support/s3-server.ts';

const withS3 = S3_SERVER === undefined ? describe.skip : describe;
const MEBIBYTE = 2 ** 20;
const PART_BYTES = 5 * MEBIBYTE;
const DAY_MS = 86_400_000;
/** Two whole parts and a rest. */
const LARGE = randomBytes(2 * PART_BYTES + MEBIBYTE);

withS3('backups in an S3-compatible storage', () => {
  let server: S3Server;
  let proxy: FaultyProxy;
  let storage: BackupStorage;
  let count = 0;

  beforeAll(async () => {
    server = await openS3Server();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    proxy = await openFaultyProxy(server.endpoint);
    storage = open();
  });
  afterEach(() => proxy.close());

  /** Each test has its own prefix, behind a way that can fail. */
  const open = (change: Partial<S3StorageOptions> = {}): BackupStorage => {
    const prefix = change.prefix ?? `test-${++count}`;
    return s3Storage(
      server.options({ endpoint: proxy.endpoint, partSizeBytes: PART_BYTES, attempts: 2, ...change, prefix }),
    );
  };
  const forge = (content = LARGE): ForgedBackup => forgeBackup(Date.now(), content);
  const partsSent = (): string[] =>
    proxy.seen
      .filter((line) => line.startsWith('PUT') && line.includes('partNumber'))
      .map((line) => /partNumber=(\d+)/.exec(line)?.[1] ?? '');

  test('come back as they were stored, large ones in parts', async () => {
    const { id, manifest, toStore } = forge();
    await storage.store(toStore);
    expect(partsSent().sort()).toEqual(['1', '2', '3']);
    expect(await storage.list()).toEqual([id]);
    expect((await readBackup(storage, id)).manifest).toEqual(manifest);
    expect((await buffer(await storage.open(id, 'database.dump'))).equals(LARGE)).toBe(true);
    await storage.remove(id);
    expect(await storage.list()).toEqual([]);
    expect(existsSync(server.fileOf(`test-${count}/${id}/database.dump`))).toBe(false);
  });

  test('that were killed in the middle go on with the parts that are missing', async () => {
    const { id, toStore } = forge();
    const dying = { ...toStore, open: () => Promise.resolve(Readable.from(dyingAfter(LARGE, PART_BYTES + 1000))) };
    await expect(storage.store(dying)).rejects.toMatchObject({
      message: expect.stringContaining('killed') as unknown as string,
    });
    expect(await storage.list()).toEqual([]);
    proxy.seen.length = 0;
    await storage.store(toStore);
    expect(partsSent().sort()).toEqual(['2', '3']);
    expect((await buffer(await storage.open(id, 'database.dump'))).equals(LARGE)).toBe(true);
    expect(await storage.tidy(Date.now() + DAY_MS)).toEqual([]);
  });

  test('that were killed before the manifest are not sent again', async () => {
    const { toStore } = forge();
    proxy.fate = (method, target) => (method === 'PUT' && target.includes('manifest') ? 'cut' : 'through');
    await expect(storage.store(toStore)).rejects.toMatchObject({ reason: 'storage-failed' });
    expect(await storage.list()).toEqual([]);
    proxy.fate = () => 'through';
    proxy.seen.length = 0;
    await storage.store(toStore);
    expect(partsSent()).toEqual([]);
    expect(await storage.list()).toHaveLength(1);
  });

  test('survive requests that are cut', async () => {
    const failed = new Set<string>();
    const { id, toStore } = forge();
    // each request fails once, each answer stops once in the middle
    proxy.fate = (method, target) => {
      const what = `${method} ${target.replace(/&?uploadId=[^&]*/, '')}`;
      if (failed.has(what)) return 'through';
      failed.add(what);
      return method === 'GET' && target.includes('database.dump') ? { cutAnswerAfterBytes: 3 * MEBIBYTE } : 'cut';
    };
    await storage.store(toStore);
    expect((await buffer(await storage.open(id, 'database.dump'))).equals(LARGE)).toBe(true);
    expect(proxy.seen.filter((line) => /database\.dump.*GetObject/.test(line))).toHaveLength(2);
  });

  test.each([
    ['a whole object', Buffer.from('small'), (target: string) => target.includes('database.dump')],
    ['an object in parts', LARGE, (target: string) => /database\.dump\?uploadId=[^&]*$/.test(target)],
    ['the manifest', Buffer.from('small'), (target: string) => target.includes('manifest')],
  ])('are missed when the storage answers 200 and loses them: %s', async (_, content, isLost) => {
    proxy.fate = (method, target) => (/^(PUT|POST)$/.test(method) && isLost(target) ? 'lost' : 'through');
    await expect(storage.store(forge(content).toStore)).rejects.toMatchObject({
      reason: 'storage-failed',
      message: expect.stringContaining('does not hold it') as unknown as string,
    });
    expect(await storage.list()).toEqual([]);
  });

  test('are left alone by tidying while somebody may be at work on them, and go afterwards', async () => {
    const { toStore } = forge();
    proxy.fate = (method, target) => (method === 'PUT' && /partNumber=3|manifest/.test(target) ? 'cut' : 'through');
    await expect(storage.store(toStore)).rejects.toMatchObject({ reason: 'storage-failed' });
    await expect(storage.store(forge(Buffer.from('small')).toStore)).rejects.toMatchObject({
      reason: 'storage-failed',
    });
    proxy.fate = () => 'through';
    const whole = await storeForged(storage, Date.now() - 99 * DAY_MS, 'exact');
    // of somebody else, in the same place
    const bucket = new Bucket(server.options({ prefix: `test-${count}` }));
    await bucket.put(`test-${count}/holiday.zip`, Buffer.from('of somebody else'));
    await bucket.startUpload(`test-${count}/film.mp4`);
    expect(await storage.tidy(Date.now() - DAY_MS)).toEqual([]);
    expect(await storage.tidy(Date.now() + DAY_MS)).toHaveLength(2);
    expect(await storage.tidy(Date.now() + DAY_MS)).toEqual([]);
    expect(await storage.list()).toEqual([whole]);
    expect(await bucket.listUploads(`test-${count}/`)).toHaveLength(1);
    expect(await bucket.list(`test-${count}/holiday`)).toHaveLength(1);
  });

  test('are pruned by one machine at a time, each copy by its own proof, and none that somebody reads', async () => {
    const nowMs = Date.now();
    const [old, last] = [
      await storeForged(storage, nowMs - 60 * DAY_MS, 'exact'),
      await storeForged(storage, nowMs - 40 * DAY_MS, 'exact'),
    ];
    const request = { storages: [storage], policy: { keepDays: 7 }, clock: systemClock };
    await withStorageLock(storage, { database: 'tracks', what: 'prune', clock: systemClock }, async () => {
      const { storages } = await pruneBackups(request);
      expect(storages[0]?.databases[0]?.failure).toMatchObject({ reason: 'locked' });
    });
    const reading = { what: 'restore', clock: systemClock };
    await whileReading(await readBackup(storage, old), reading, async () => {
      const { storages } = await pruneBackups(request);
      expect(storages[0]?.databases[0]).toMatchObject({ removed: [], inUse: [{ id: old }] });
    });
    expect(await storage.locks.list('')).toEqual([]);
    const both = await Promise.all([pruneBackups(request), pruneBackups(request)]);
    expect(both.flatMap(({ storages }) => storages[0]?.databases[0]?.removed)).toHaveLength(1);
    expect(await storage.list()).toEqual([last]);
  });

  test('are locked by the clock of the storage, however far ahead this machine has its own', async () => {
    const note = { token: 't', host: 'another-machine', process: '4711 1', work: 'prune', since: 'noon' };
    await storage.locks.create(lockNameOf('tracks'), JSON.stringify(note));
    const realNow = Date.now.bind(Date);
    const ahead = jest.spyOn(Date, 'now').mockImplementation(() => realNow() + 60 * 60_000);
    try {
      const options = { database: 'tracks', what: 'prune', clock: systemClock };
      const pruning = withStorageLock(open({ prefix: `test-${count}` }), options, () => Promise.resolve());
      await expect(pruning).rejects.toMatchObject({ reason: 'locked' });
    } finally {
      ahead.mockRestore();
    }
  });

  test('say what is wrong without the keys', async () => {
    const wrong = { accessKeyId: 'a-wrong-access-key', secretAccessKey: 'a-wrong-secret-key' };
    const right = server.options();
    for (const change of [
      wrong,
      { secretAccessKey: wrong.secretAccessKey },
      { bucket: 'nowhere' },
      { endpoint: 'http://127.0.0.1:1' },
    ]) {
      const failure: unknown = await open(change)
        .list()
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ reason: 'storage-failed' });
      const said = inspect(failure, { depth: 9 });
      for (const secret of [...Object.values(wrong), right.accessKeyId, right.secretAccessKey])
        expect(said).not.toContain(secret);
    }
  });

  test('do not wait for a server that stands still', async () => {
    proxy.fate = () => 'silent';
    const limits = { attempts: 1, requestTimeoutMs: 300 };
    await expect(open(limits).list()).rejects.toMatchObject({ reason: 'storage-failed' });
    const { id, toStore } = forge();
    proxy.fate = () => 'through';
    const stalling = open({ attempts: 2, idleTimeoutMs: 1500 });
    await stalling.store(toStore);
    proxy.fate = () => ({ stallAnswerAfterBytes: MEBIBYTE });
    const reading = buffer(await stalling.open(id, 'database.dump'));
    proxy.fate = () => 'through';
    expect((await reading).equals(LARGE)).toBe(true);
  });
});

withS3('a real backup in two storages', () => {
  let s3: S3Server;
  let postgres: BenchServer;
  let bench: Bench;

  beforeAll(async () => {
    [s3, postgres] = await Promise.all([openS3Server(), openBenchServer()]);
    bench = openBench(postgres);
  });
  afterAll(async () => {
    await Promise.all([s3.close(), postgres.close()]);
    bench.close();
  });

  test('is exact in each of them, and is restored from the distant one', async () => {
    const offsite = s3.storage();
    const sql =
      'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 5000) AS g';
    const connectionString = await postgres.makeDatabase('source', sql);
    const { copies, id } = await bench.create({ connectionString, copies: [offsite] });
    expect(copies.map(({ storage, backup }) => [storage.id, backup?.verifications.state])).toEqual([
      ['local', 'decoded'],
      ['offsite', 'decoded'],
    ]);
    const backup = await readBackup(offsite, id);
    const { verification } = await bench.engine.verify({ backup, level: 'exact' });
    expect(verification.outcome).toBe('passed');
    expect((await listBackups(offsite)).backups[0]?.verifications.state).toBe('exact');
    expect((await listBackups(bench.storage)).backups[0]?.verifications.state).toBe('decoded');
    const restored = await bench.engine.restore({
      backup: await readBackup(offsite, id),
      serverUrl: postgres.adminUrl,
      database: postgres.name('restored'),
      storage: bench.storage,
    });
    expect(restored.isExact).toBe(true);
  });
});

function* dyingAfter(content: Buffer, bytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes; at += 65_536) yield content.subarray(at, at + 65_536);
  throw new Error('killed');
}
