import { afterEach, describe, expect, test } from '@jest/globals';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import path from 'node:path';
import { delivery, logDelivery, logRecord, newTraceId, span } from './support/spans.ts';
import { openStore, type StoreUnderTest } from './support/store.ts';
import { startChild } from './support/child.ts';

const opened: StoreUnderTest[] = [];
const children: (() => void)[] = [];

function open(...args: Parameters<typeof openStore>): StoreUnderTest {
  const under = openStore(...args);
  opened.push(under);
  return under;
}

afterEach(() => {
  children.splice(0).forEach((kill) => kill());
  opened.splice(0).forEach((under) => under.remove());
});

const script = path.join(import.meta.dirname, 'support/store-child.ts');
const fileOf = ({ folder }: StoreUnderTest): string => path.join(folder, 'traces.db');
const asideIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.includes('.unusable-'));

describe('after a restart', () => {
  test('traces and log records are there, and counted', () => {
    const under = open();
    const kept = span();
    under.store.acceptSpans(delivery('a', kept));
    under.store.acceptLogs(logDelivery('a', logRecord(kept.traceId, 'line')));
    const store = under.reopen();
    expect(store.trace(kept.traceId)).toBeDefined();
    expect(store.logs(kept.traceId)?.resourceLogs).toHaveLength(1);
    expect(store.stats().traces['ordinary']).toBe(1);
    expect(under.problems).toEqual([]);
  });

  test('a process that was killed has lost nothing that it had committed', async () => {
    const under = open();
    under.store.close();
    const child = startChild([script, under.folder]);
    children.push(() => child.process.kill('SIGKILL'));
    await child.said(/^[0-9a-f]{32}$/);
    while (child.lines.length < 50) await new Promise(setImmediate);
    child.process.kill('SIGKILL');
    expect(await child.ended).toBe('SIGKILL');
    const store = under.reopen();
    const committed = child.lines.filter((line) => /^[0-9a-f]{32}$/.test(line));
    expect(committed.length).toBeGreaterThanOrEqual(50);
    expect(committed.filter((traceId) => store.trace(traceId) === undefined)).toEqual([]);
    expect(under.problems).toEqual([]);
  });
});

describe('a file that cannot be used', () => {
  test.each([
    [
      'is no database',
      (file: string) => writeFileSync(file, 'this is not a database, whatever its name says'.repeat(400)),
    ],
    ['was cut off', (file: string) => truncateSync(file, 20_000)],
    ['belongs to another program', (file: string) => otherDatabase(file, 'PRAGMA application_id = 7')],
    ['is of another version', (file: string) => otherDatabase(file, 'PRAGMA user_version = 99')],
    ['is a folder', (file: string) => replaceByFolder(file)],
  ])('is moved aside when it %s, and the store goes on', (_what, damage) => {
    const under = open();
    fill(under, 200);
    under.store.close();
    damage(fileOf(under));
    const store = under.reopen();
    expect(under.problems).toEqual([expect.stringMatching(/could not be used.*traces\.db\.unusable-.* keeps it/)]);
    expect(asideIn(under.folder).length).toBeGreaterThan(0);
    const fresh = span();
    store.acceptSpans(delivery('a', fresh));
    expect(store.trace(fresh.traceId)).toBeDefined();
    expect(store.stats().onDisk).toBe(true);
  });

  test('is moved aside as well when it breaks while it is used, for a reader or a writer', () => {
    for (const use of [
      (under: StoreUnderTest) => fill(under, 100),
      ({ store }: StoreUnderTest) => store.find({ limit: 500 }),
    ]) {
      const under = open();
      fill(under, 2000);
      const store = under.reopen();
      // the header and the first pages stay right, those behind them do not
      const bytes = readFileSync(fileOf(under)).fill(0xa5, 8192 * 14);
      const file = openSync(fileOf(under), 'r+');
      writeSync(file, bytes, 0, bytes.length, 0);
      closeSync(file);
      expect(under.problems).toEqual([]);
      for (let i = 0; i < 20 && under.problems.length === 0; i++) use(under);
      expect(under.problems[0]).toMatch(/could not be used.*keeps it/);
      const fresh = span();
      store.acceptSpans(delivery('a', fresh));
      expect(store.trace(fresh.traceId)).toBeDefined();
    }
  });

  test('leaves only its newest predecessor aside', () => {
    const under = open();
    for (let i = 0; i < 3; i++) {
      under.store.close();
      writeFileSync(fileOf(under), 'nonsense '.repeat(1000));
      under.reopen();
    }
    expect(new Set(asideIn(under.folder).map((name) => name.replace(/-(wal|shm)$/, ''))).size).toBe(1);
  });

  test('is left alone when another process has it: traces are then kept in memory', () => {
    const under = open();
    fill(under, 1);
    const second = open({ folder: under.folder });
    expect(second.problems).toEqual([expect.stringMatching(/traces are in memory/)]);
    expect(second.store.stats().onDisk).toBe(false);
    const fresh = span();
    second.store.acceptSpans(delivery('a', fresh));
    expect(second.store.trace(fresh.traceId)).toBeDefined();
    expect(asideIn(under.folder)).toEqual([]);
    fill(under, 1);
    expect(under.problems).toEqual([]);
  });
});

test.each([
  ['below a file', (file: string) => path.join(file, 'below')],
  ['where nobody can make anything', () => '/proc/clearway/traces'],
])('a folder that cannot be made leaves traces in memory: %s', (_, folder) => {
  const blocked = open({ folder: folder(fileOf(open())) });
  expect(blocked.problems[0]).toMatch(/cannot be kept on disk.*traces are in memory/);
  fill(blocked, 1);
  expect(blocked.store.find({ limit: 10 }).traces).toHaveLength(1);
});

test('a disk that is full makes it drop and count, and it goes on serving what it has', async () => {
  const under = open();
  under.store.close();
  // the system refuses to let any file grow beyond 1 MiB
  const limited = `trap '' XFSZ; ulimit -f 1024; exec "$0" "$@"`;
  const args = ['-c', limited, process.execPath, '-C', '@clearway/source', script, under.folder, '20000'];
  const child = startChild(args, { program: '/bin/bash' });
  children.push(() => child.process.kill('SIGKILL'));
  await child.said(/^problem the trace store cannot be written/);
  await child.said(/^dropped [1-9]\d* stored [1-9]/);
  child.process.kill('SIGKILL');
  await child.ended;
  const store = under.reopen();
  const committed = child.lines.filter((line) => /^[0-9a-f]{32}$/.test(line));
  expect(committed.length).toBeGreaterThan(5);
  expect(committed.filter((traceId) => store.trace(traceId) === undefined)).toEqual([]);
});

test('its folder is open to its owner only', () => {
  const folder = path.join(open().folder, 'deeper');
  fill(open({ folder }), 1);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

function fill({ store }: StoreUnderTest, count: number): void {
  store.acceptSpans(delivery('a', ...Array.from({ length: count }, () => span({ traceId: newTraceId() }))));
  store.flush();
}

function otherDatabase(file: string, statement: string): void {
  const database = new DatabaseSync(file);
  database.exec(statement);
  database.close();
}

function replaceByFolder(file: string): void {
  rmSync(file);
  mkdirSync(file);
}
