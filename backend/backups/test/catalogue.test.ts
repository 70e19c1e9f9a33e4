import { afterAll, describe, expect, test } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isBackupId, newBackupId } from '../src/catalogue/id.ts';
import { noVerifications, withVerification, type Verification } from '../src/catalogue/states.ts';
import { BACKUP_FAILURES } from '../src/failures.ts';
import { directoryStorage } from '../src/index.ts';
import { readManifest, writeManifest } from '../src/manifest/document.ts';
import { fromFolder } from '../src/storage/sources.ts';
import type { Manifest } from '../src/manifest/schema.ts';
import { sequenceFits } from '../src/manifest/sequences.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'clearway-catalogue-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const verification = (level: Verification['level'], outcome: Verification['outcome']): Verification => ({
  level,
  outcome,
  at: '2026-11-22T02:00:00.000Z',
  durationSeconds: 1,
});

describe('the state of a backup', () => {
  const after = (...steps: [Verification['level'], Verification['outcome']][]) =>
    steps.reduce(
      (known, step) => withVerification(known, verification(...step)),
      noVerifications('2026-11-22T01:00:00.000Z'),
    ).state;

  test('rises with what was proven and never falls by proving less', () => {
    expect(after()).toBe('unverified');
    expect(after(['decode', 'passed'])).toBe('decoded');
    expect(after(['decode', 'passed'], ['exact', 'passed'])).toBe('exact');
    expect(after(['exact', 'passed'], ['decode', 'passed'], ['restore', 'passed'])).toBe('exact');
  });

  test('is damaged after a failure, and only a restore takes that back', () => {
    expect(after(['exact', 'passed'], ['decode', 'failed'])).toBe('damaged');
    expect(after(['exact', 'failed'], ['decode', 'passed'])).toBe('damaged');
    expect(after(['decode', 'failed'], ['exact', 'passed'])).toBe('exact');
  });

  test('stays where nothing could be found out', () => {
    expect(after(['decode', 'passed'], ['exact', 'not-possible'])).toBe('decoded');
    expect(after(['exact', 'passed'], ['exact', 'not-possible'])).toBe('exact');
  });

  test('keeps a bounded history', () => {
    let known = noVerifications('2026-11-22T01:00:00.000Z');
    for (let i = 0; i < 200; i++) known = withVerification(known, verification('decode', 'passed'));
    expect(known.verifications.length).toBe(50);
  });
});

describe('ids', () => {
  test('sort by time, and are safe as names of files whatever the database is called', () => {
    const ids = ['tracks', 'Über/../db "x"', '', '..', 'a'.repeat(200)].map((name, i) =>
      newBackupId(name, Date.UTC(2026, 10, 22, i)),
    );
    for (const id of ids) expect(isBackupId(id)).toBe(true);
    expect([...ids].sort()).toEqual(ids);
    expect(ids[1]).toMatch(/^20261122T010000Z-ber-db-x-[0-9a-f]{6}$/);
  });

  test.each(['..', '../x', 'failed', '.partial', '20261122T010000Z-a/../../b-123456'])('%s is none', (text) => {
    expect(isBackupId(text)).toBe(false);
  });
});

const manifest: Manifest = {
  formatVersion: 1,
  id: '20261122T010000Z-tracks-123456',
  engine: 'logical',
  purpose: 'adopted',
  startedAt: '2026-11-22T01:00:00.000Z',
  completedAt: '2026-11-22T01:00:01.000Z',
  durationSeconds: 1,
  source: null,
  dump: { format: 'plain', compression: 'zstd', tool: 'unknown', plainSizeBytes: null },
  encryption: null,
  files: [{ role: 'dump', name: 'database.sql.zst', sizeBytes: 4, sha256: 'a'.repeat(64) }],
  content: null,
  roles: [],
  warnings: [],
};

describe('the manifest', () => {
  const text = writeManifest(manifest);

  test('is read as it was written', () => expect(readManifest(text, manifest.id)).toEqual(manifest));

  test('is refused when a single character of it changed', () => {
    let refused = 0;
    for (let at = 0; at < text.length; at++) {
      if (/\s/.test(text.charAt(at))) continue; // layout says nothing
      const changed = `${text.slice(0, at)}${text.charAt(at) === '0' ? '1' : '0'}${text.slice(at + 1)}`;
      expect(() => readManifest(changed, manifest.id)).toThrow(expect.objectContaining({ reason: 'damaged' }));
      refused++;
    }
    expect(refused).toBeGreaterThan(300);
  });

  test('of another backup is refused', () => {
    expect(() => readManifest(text, '20261122T010000Z-other-123456')).toThrow(/belongs to another backup/);
  });
});

describe('a directory', () => {
  const id = manifest.id;
  const staged = (name: string): string => {
    const at = path.join(folder, name);
    mkdirSync(at);
    writeFileSync(path.join(at, 'database.sql.zst'), 'data');
    return at;
  };

  test('lists a backup only when its manifest is there', async () => {
    const storage = directoryStorage(path.join(folder, 'a'));
    expect(await storage.list()).toEqual([]);
    await storage.store({ id, files: ['database.sql.zst'], ...fromFolder(staged('one')) });
    expect(await storage.list()).toEqual([]);
    await storage.replaceText(id, 'manifest.json', writeManifest(manifest));
    expect(await storage.list()).toEqual([id]);
    await storage.remove(id);
    expect(await storage.list()).toEqual([]);
    expect(readdirSync(path.join(folder, 'a', '.partial'))).toEqual([]);
  });

  test('is never left by an id', async () => {
    const storage = directoryStorage(path.join(folder, 'b'));
    await expect(async () => storage.open('../a', 'x')).rejects.toMatchObject({ reason: 'not-found' });
    await expect(storage.remove('..')).rejects.toMatchObject({ reason: 'not-found' });
  });

  const withPermissions = process.getuid?.() === 0 ? test.skip : test; // root may write everywhere
  withPermissions('that may not be written to is a failure of the storage', async () => {
    const closed = path.join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    await expect(directoryStorage(closed).store({ id, files: [], ...fromFolder(staged('two')) })).rejects.toMatchObject(
      {
        reason: 'storage-failed',
      },
    );
  });
});

describe('a sequence', () => {
  const sequence = (before: [string, boolean], after: [string, boolean], increment = '1') => ({
    schema: 's',
    name: 'n',
    increment,
    isCyclic: false,
    before: { lastValue: before[0], isCalled: before[1] },
    after: { lastValue: after[0], isCalled: after[1] },
  });

  test('fits when it stands where it stood at some moment of the dump', () => {
    const moved = sequence(['10', true], ['14', true]);
    for (const value of ['10', '12', '14'])
      expect(sequenceFits(moved, { lastValue: value, isCalled: true })).toBe(true);
    for (const value of ['9', '15']) expect(sequenceFits(moved, { lastValue: value, isCalled: true })).toBe(false);
    const fresh = sequence(['1', false], ['1', false]);
    expect(sequenceFits(fresh, { lastValue: '1', isCalled: false })).toBe(true);
    expect(sequenceFits(fresh, { lastValue: '1', isCalled: true })).toBe(false);
    const downwards = sequence(['-3', true], ['-7', true], '-2');
    expect(sequenceFits(downwards, { lastValue: '-5', isCalled: true })).toBe(true);
  });
});

test('each class of failure has an exit status of its own', () => {
  const codes = Object.values(BACKUP_FAILURES).map(({ exitCode }) => exitCode);
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) expect([0, 1, 64, 78]).not.toContain(code);
});
