import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { backupSchema } from '@clearway/contracts';
import { systemClock } from '@clearway/kernel';
import { policyOf } from '../src/configuration/policy.ts';
import {
  makeBackup,
  monitorBackups,
  proveNewest,
  pruneBackups,
  readBackup,
  type BackedUpDatabase,
  type BackupEvent,
  type BackupStorage,
  type RoutineOptions,
} from '../src/index.ts';
import { besideTheSource, openBench, openBenchServer, type Bench, type BenchServer } from './support/bench.ts';
import { cloneBackup } from './support/clone-backup.ts';
import { startBackupProcess } from './support/processes.ts';

const clock = systemClock;
const DAY_MS = 86_400_000;

/** Something that a test holds up: it says when it was reached, and goes on when it is told to. */
function gate() {
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pass = async (): Promise<void> => {
    reached.resolve();
    await opened.promise;
  };
  return { reached: reached.promise, open: () => opened.resolve(), pass };
}

describe('several processes at the backups of one database', () => {
  let server: BenchServer;
  let bench: Bench;
  let connectionString: string;

  beforeAll(async () => {
    server = await openBenchServer();
    connectionString = await server.makeDatabase(
      'together',
      'CREATE TABLE t AS SELECT n FROM generate_series(1, 10) n',
    );
  });
  afterAll(() => server.close());
  beforeEach(() => {
    // the dump is not what is tested here: by an installed pg_dump, which is quicker
    bench = openBench(server, { tools: { variables: process.env } });
  });
  afterEach(() => bench.close());

  const database = (storage: BackupStorage = bench.storage, engine = bench.engine): BackedUpDatabase => ({
    id: 'together',
    policy: policyOf(backupSchema.parse({ database: 'together' }), {}),
    engine,
    storages: [storage],
    connectionString: () => connectionString,
    nameOnServer: new URL(connectionString).pathname.slice(1),
    identities: () => Promise.resolve([]),
  });
  /** What one of several workers is given, and what it says. */
  const worker = (change: Partial<RoutineOptions> = {}) => {
    const events: BackupEvent[] = [];
    const waiting = Promise.withResolvers<string>();
    const options: RoutineOptions = {
      clock,
      tell: (event) => void events.push(event),
      waitsForOthers: true,
      onProgress: ({ phase, message = '' }) => phase === 'waiting' && waiting.resolve(message),
      ...change,
    };
    return { options, events, waiting: waiting.promise };
  };

  test('make one backup when it is due, also when the second comes while the first stores', async () => {
    const { reached, open, pass } = gate();
    const slow: BackupStorage = {
      ...bench.storage,
      store: async (backup) => (await pass(), bench.storage.store(backup)),
    };
    const sinceMs = clock.nowMs();
    const [first, second, impatient] = [
      worker({ sinceMs }),
      worker({ sinceMs }),
      worker({ sinceMs, waitsForOthers: false }),
    ];
    const making = makeBackup(database(slow), first.options);
    await reached;
    await expect(makeBackup(database(), impatient.options)).rejects.toMatchObject({
      reason: 'locked',
      message: expect.stringMatching(
        /^another backup of together_\w+ is under way in local: create on .*, process \d+/,
      ),
    });
    const waited = makeBackup(database(), second.options);
    expect(await second.waiting).toMatch(/another backup of together_\w+ is under way/);
    open();
    const [made, taken] = await Promise.all([making, waited]);
    expect(taken).toMatchObject({ id: made.id, isEarlier: true });
    expect(await bench.storage.list()).toEqual([made.id]);
    expect([first, second].map(({ events }) => events.map(({ type }) => type))).toEqual([['backup.made'], []]);
    // what nobody waits for is made again: somebody asked for it
    const asked = await makeBackup(database(), worker({ waitsForOthers: false }).options);
    expect(await bench.storage.list()).toEqual([made.id, asked.id].sort());
  });

  test('take none for the newest that a wrong clock dates into the future', async () => {
    const first = await bench.create({ connectionString });
    const later = await cloneBackup(first, [bench.storage], clock.nowMs() + 400 * DAY_MS);
    // ids know no parts of a second
    const secondOf = (ms: number): number => Math.floor(ms / 1000);
    while (secondOf(clock.nowMs()) <= secondOf(Date.parse(first.manifest.startedAt))) await sleep(20);
    const made = await makeBackup(database(), worker({ sinceMs: clock.nowMs() + 2000 }).options);
    expect(await bench.storage.list()).toEqual([first.id, made.id, later].sort());
    const proven = await proveNewest(database(), worker().options);
    expect(proven).toMatchObject([{ backupId: made.id, result: { verification: { outcome: 'passed' } } }]);
    const facts = { workDirectory: bench.directory, nowMs: clock.nowMs() + 2 * DAY_MS };
    const { checks } = await monitorBackups(database(), facts);
    expect(checks.find(({ id }) => id === 'last_backup')).toMatchObject({ status: 'critical' });
  });

  test('prove a copy once, and whoever comes second is refused by name or takes the proof of the first', async () => {
    const { id } = await bench.create({ connectionString });
    const { reached, open, pass } = gate();
    const usual = besideTheSource(server);
    const slow = openBench(server, {
      scratch: { open: async (backup, onProgress) => (await pass(), usual.open(backup, onProgress)) },
    });
    const sinceMs = clock.nowMs();
    const [first, second] = [worker({ sinceMs }), worker({ sinceMs })];
    const proving = proveNewest(database(bench.storage, slow.engine), first.options);
    await reached;
    const backup = await readBackup(bench.storage, id);
    await expect(bench.engine.verify({ backup, level: 'exact' })).rejects.toMatchObject({
      reason: 'locked',
      message: expect.stringMatching(/ is being proven in local: verify on .*, process \d+, since 2/),
    });
    const waited = proveNewest(database(), second.options);
    expect(await second.waiting).toContain(`${id} is being proven`);
    open();
    expect((await Promise.all([proving, waited])).flat().map(({ result }) => result?.isEarlier)).toEqual([
      undefined,
      true,
    ]);
    const { verifications } = await readBackup(bench.storage, id);
    expect(verifications.verifications.map(({ level }) => level)).toEqual(['decode', 'exact']);
    expect([first, second].map(({ events }) => events.map(({ type }) => type))).toEqual([['backup.proven'], []]);
    slow.close();
  });

  test('prune nothing that another one reads, until it has read it or was killed', async () => {
    const made = await bench.create({ connectionString });
    const old = await cloneBackup(made, [bench.storage], clock.nowMs() - 40 * DAY_MS);
    const prune = async () => {
      const { storages } = await pruneBackups({ storages: [bench.storage], policy: { keepCount: 1 }, clock });
      return storages[0]?.databases[0];
    };
    await bench.engine.verify({ backup: made, level: 'exact' });
    // a server that never answers, so that the restore stands still where it has begun
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const at = `postgresql://127.0.0.1:${(silent.address() as AddressInfo).port}/postgres`;
    const task = { connectionString: at, directory: bench.directory, backupId: old, to: 'kept' };
    const reader = startBackupProcess({ action: 'restore', ...task });
    await once(silent, 'connection');
    reader.process.kill('SIGSTOP');
    expect(await prune()).toMatchObject({
      removed: [],
      inUse: [
        { id: old, reader: expect.stringMatching(new RegExp(`^restore on .*, process ${reader.process.pid}, `)) },
      ],
    });
    expect(await bench.storage.list()).toEqual([old, made.id]);
    reader.process.kill('SIGKILL');
    await once(reader.process, 'close');
    expect(await bench.storage.locks.list('reading-')).toHaveLength(1);
    expect(await prune()).toMatchObject({ removed: [old], inUse: [] });
    expect(await bench.storage.locks.list('')).toEqual([]);
    await new Promise((resolve) => silent.close(resolve));
  });
});
