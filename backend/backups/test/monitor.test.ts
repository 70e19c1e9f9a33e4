import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { backupsSchema } from '@clearway/contracts';
import { systemClock } from '@clearway/kernel';
import { afterAll, describe, expect, test } from '@jest/globals';
import { judgeSchedule } from '../src/monitor/judge-schedule.ts';
import {
  directoryStorage,
  judgeBackups,
  monitorBackups,
  openBackups,
  type BackupCheckId,
  type BackupFacts,
  type BackupStanding,
  type StorageFacts,
  type StoredBackup,
  type Verification,
} from '../src/index.ts';

const NOW_MS = Date.UTC(2026, 10, 29, 12);
const HOUR_MS = 3_600_000;
const directory = mkdtempSync(path.join(tmpdir(), 'clearway-monitor-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Made {
  readonly hoursAgo: number;
  readonly state?: StoredBackup['verifications']['state'];
  readonly sizeBytes?: number;
  readonly verifications?: Partial<Verification>[];
  readonly encrypted?: boolean;
}

function backup({ hoursAgo, state = 'exact', sizeBytes = 1000, verifications = [], encrypted }: Made): StoredBackup {
  const at = new Date(NOW_MS - hoursAgo * HOUR_MS).toISOString();
  const id = `${at.slice(0, 19).replaceAll(/[-:]/g, '')}Z-tracks-abcdef`;
  const manifest = {
    completedAt: at,
    purpose: 'regular',
    files: [{ sizeBytes }],
    encryption: encrypted ? { type: 'age', recipients: [] } : null,
    source: { database: 'tracks' },
  };
  const storage = directoryStorage(directory);
  const proofs = verifications.map((each) => ({ level: 'exact', outcome: 'passed', at, durationSeconds: 1, ...each }));
  return {
    id,
    storage,
    manifest,
    verifications: { formatVersion: 1, state, stateSince: at, verifications: proofs },
  } as unknown as StoredBackup;
}

const storage = (backups: StoredBackup[], more: Partial<StorageFacts> = {}): StorageFacts => ({
  id: 'local',
  backups,
  unreadable: [],
  freeBytes: 1e12,
  problem: undefined,
  ...more,
});
/** A night each, made at 2 in the morning. */
const nights = (count: number, more: Partial<Made> = {}): StoredBackup[] =>
  Array.from({ length: count }, (_, i) => backup({ hoursAgo: 10 + 24 * (count - 1 - i), ...more }));

/** Each of two backups a day is proven. */
const twice = { schedule: '30 3,15 * * *' };

const KEY = { state: 'not-encrypted', message: 'the newest backup is not encrypted' } as const;

function judge(facts: Partial<BackupFacts>, entry: object = {}): BackupStanding {
  const backups = backupsSchema.parse([{ database: 'tracks', ...entry }]);
  const sections = { databases: [{ id: 'tracks', url: 'postgresql://u@db/tracks' }], backups, backupStorages: [] };
  const { policy } = openBackups({ sections, variables: {}, directory, clock: systemClock }).database('tracks');
  return judgeBackups(
    'tracks',
    { atMs: NOW_MS, storages: [storage(nights(5))], failed: [], key: KEY, ...facts },
    policy,
  );
}
const check = (standing: BackupStanding, id: BackupCheckId): string => {
  const found = standing.checks.find((each) => each.id === id);
  return `${found?.status}: ${found?.message}`;
};
const failedAt = (hoursAgo: number) => ({
  id: backup({ hoursAgo }).id,
  atMs: NOW_MS - hoursAgo * HOUR_MS,
  reason: 'unreachable',
});

describe('the monitor of backups', () => {
  test('is content with what is made and proven each night, and skips what it cannot answer', () => {
    const standing = judge({ storages: [storage(nights(5, { verifications: [{ restoreSeconds: 40 }] }))] });
    expect(standing.status).toBe('ok');
    expect(standing.checks.filter(({ status }) => status === 'skipped').map(({ id }) => id)).toEqual([
      'restore_time',
      'key',
    ]);
    expect(standing.figures).toEqual({
      ageSeconds: 10 * 3600,
      exactAgeSeconds: 10 * 3600,
      sizeBytes: 1000,
      restoreSeconds: 40,
      failuresInRow: 0,
    });
  });

  test('calls the last backup too old from one moment on', () => {
    const aged = (hoursAgo: number) => check(judge({ storages: [storage([backup({ hoursAgo })])] }), 'last_backup');
    expect(aged(26)).toMatch(/^ok: the last backup is 26 hours old/);
    expect(aged(26.1)).toMatch(/^critical/);
    expect(check(judge({ storages: [storage([])] }), 'last_backup')).toBe(
      'critical: there is no backup: clearway backup create',
    );
    const damaged = [backup({ hoursAgo: 40 }), backup({ hoursAgo: 10, state: 'damaged' })];
    expect(check(judge({ storages: [storage(damaged)] }), 'last_backup')).toMatch(
      /^critical: the last backup is 40 hours/,
    );
  });

  test('does not take a backup that was only read for one that was proven', () => {
    const facts = { storages: [storage([backup({ hoursAgo: 60 }), backup({ hoursAgo: 10, state: 'decoded' })])] };
    expect(check(judge(facts), 'last_backup')).toMatch(/^ok/);
    expect(check(judge(facts), 'last_exact')).toMatch(/^critical: the last exact backup is 60 hours old/);
    expect(check(judge(facts, { maxExactAgeHours: 72 }), 'last_exact')).toMatch(/^ok/);
  });

  test('tells a proof that failed from one that was not possible', () => {
    const proven = (outcome: Verification['outcome']) =>
      check(
        judge({ storages: [storage([backup({ hoursAgo: 10, verifications: [{ outcome, message: 'so it is' }] })])] }),
        'proving',
      );
    expect(proven('failed')).toMatch(/^critical: the last proof failed: .*so it is/);
    expect(proven('not-possible')).toMatch(/^warning: proving is not possible: .*so it is/);
    expect(proven('passed')).toMatch(/^ok/);
    expect(check(judge({}), 'proving')).toMatch(/^skipped/);
  });

  test('says which copy was proven when, and names a storage where none was for too long', () => {
    const provenHere = storage(nights(3, { verifications: [{}] }));
    const lastNight = backup({ hoursAgo: 10 }).id;
    const there = (...backups: StoredBackup[]) => storage(backups, { id: 'offsite' });
    const seen = (offsite: StorageFacts) => check(judge({ storages: [provenHere, offsite] }), 'proving');
    expect(seen(there(backup({ hoursAgo: 34, verifications: [{}] }), backup({ hoursAgo: 10 })))).toBe(
      `ok: the last proof passed: ${lastNight} in local 10 hours ago, ${backup({ hoursAgo: 34 }).id} in offsite 34 hours ago`,
    );
    const left = 'warning: nothing was proven for 50 hours in offsite; elsewhere: ';
    expect(seen(there(backup({ hoursAgo: 60 }), backup({ hoursAgo: 10 })))).toBe(
      `${left}${lastNight} in local 10 hours ago`,
    );
    expect(seen(there(backup({ hoursAgo: 10 })))).toMatch(/^ok/);
  });

  test('sees a backup that is much smaller than usual, once it knows what is usual', () => {
    const sized = (...sizes: number[]) =>
      check(
        judge({
          storages: [
            storage(sizes.map((sizeBytes, i) => backup({ hoursAgo: 10 + 24 * (sizes.length - i), sizeBytes }))),
          ],
        }),
        'size_trend',
      );
    expect(sized(1000, 1000, 1000, 400)).toBe('warning: 400 B, 60 % smaller than usual (1.0 kB)');
    expect(sized(1000, 1000, 1000, 1400)).toMatch(/^ok/);
    expect(sized(1000, 1000, 400)).toMatch(/^skipped/);
  });

  test('counts failures since the last backup that was made', () => {
    const facts = (hours: number[]) => ({
      storages: [storage([backup({ hoursAgo: 34 })])],
      failed: hours.map(failedAt),
    });
    expect(check(judge(facts([60, 50])), 'failures')).toMatch(/^ok/);
    expect(check(judge(facts([60, 10])), 'failures')).toBe(
      'warning: 1 backup failed in a row, the last one by unreachable',
    );
    expect(check(judge(facts([11, 10])), 'failures')).toMatch(/^critical: 2 backups/);
  });

  test('holds the measured restore against the objective', () => {
    const storages = [storage(nights(2, { verifications: [{ restoreSeconds: 90 }] }))];
    expect(check(judge({ storages }, { restoreObjectiveSeconds: 60 }), 'restore_time')).toMatch(
      /^critical: the last restore took 90 seconds/,
    );
    expect(check(judge({ storages }, { restoreObjectiveSeconds: 120 }), 'restore_time')).toMatch(/^ok/);
    expect(check(judge({}, { restoreObjectiveSeconds: 120 }), 'restore_time')).toMatch(
      /^skipped: no restore was measured/,
    );
  });

  describe('forecasts how long the space lasts', () => {
    const left = (freeBytes: number | undefined, entry: object = {}, backups = nights(5)) =>
      check(judge({ storages: [storage(backups, { freeBytes })] }, entry), 'space');
    const needs = (entry: object, backups?: StoredBackup[]) =>
      /retention will need (\S+) k?B more/.exec(left(1e9, entry, backups))?.[1];

    test('by what it needs until retention is satisfied', () => {
      expect(left(1500)).toMatch(/^critical: local has 1.5 kB left, and a backup takes 1.0 kB/);
      expect(left(10_000)).toMatch(/^warning: local has 10.0 kB left, which lasts 11 days, and retention will need 26/);
      expect(left(30_000)).toMatch(/^ok: local has 30.0 kB left: room for 30 more backups, and retention will need 26/);
      expect(left(undefined)).toMatch(/^skipped: local does not say/);
    });

    // 5 are there, and one that is not proven yet comes on top of what is kept
    test.each([
      ['days', { keepDays: 10 }, '6.0'],
      ['a number', { keepCount: 20 }, '16.0'],
      ['days, of which each holds two', { keepDays: 10, schedule: '0 2,14 * * *', verify: twice }, '16.0'],
      ['the last of each of some days', { keepDaily: 7, schedule: '0 2,14 * * *', verify: twice }, '3.0'],
      // the newest week and the one before end in the days, the newest month is a week, two years end in months
      ['days, weeks, months and years', { keepDaily: 7, keepWeekly: 5, keepMonthly: 12, keepYearly: 3 }, '18.0'],
      ['fewer than are there', { keepCount: 2 }, '0'],
      [
        'only so many that are not proven',
        { keepDays: 365, verify: { schedule: '30 3 * * 1' }, keepUnproven: 2 },
        '50.0',
      ],
    ])('under a policy of %s', (_, entry, size) => expect(needs(entry)).toBe(size));

    test('where proving fails, by the few unproven that are kept', () => {
      const unproven = [...nights(4), ...nights(4, { state: 'decoded' })].map((one, i) =>
        backup({ hoursAgo: 10 + 24 * (7 - i), state: one.verifications.state }),
      );
      expect(needs({ keepDays: 365 }, unproven)).toBe('0');
    });
  });

  test('notices that nobody runs the schedule, whoever should', () => {
    expect(check(judge({}), 'schedule')).toMatch(/^ok: a backup was begun since one was due at 2026-11-29T02:00Z/);
    expect(check(judge({ storages: [storage([backup({ hoursAgo: 34 })])] }), 'schedule')).toMatch(
      /^critical: no backup was begun/,
    );
    const failed = { storages: [storage([backup({ hoursAgo: 34 })])], failed: [failedAt(10)] };
    expect(check(judge(failed), 'schedule')).toMatch(/^ok/);
    expect(check(judge({}, { schedule: 'never' }), 'schedule')).toMatch(/^skipped: no schedule is set/);
    expect(check(judge({ storages: [storage([])] }), 'schedule')).toMatch(/^skipped: no backup was begun yet/);
  });

  test('takes a backup that cron began by the clock of its machine for begun', () => {
    const backups = backupsSchema.parse([{ database: 'tracks' }]);
    const sections = { databases: [{ id: 'tracks', url: 'postgresql://u@db/tracks' }], backups, backupStorages: [] };
    const { policy } = openBackups({ sections, variables: {}, directory, clock: systemClock }).database('tracks');
    const status = (hoursAgo: number, timeZone: string) =>
      judgeSchedule(
        { atMs: NOW_MS, storages: [storage([backup({ hoursAgo })])], failed: [], key: KEY },
        policy,
        timeZone,
      ).status;
    // at noon in UTC it is 2 in the morning in Honolulu, so that the backup of last night is 24 hours old
    expect(status(24, 'Pacific/Honolulu')).toBe('ok');
    expect(status(24, 'UTC')).toBe('critical');
    expect(status(34.1, 'Pacific/Honolulu')).toBe('critical');
  });

  test('misses a copy in one storage, and does not call a silent storage well', () => {
    const both = (second: StorageFacts) => check(judge({ storages: [storage(nights(3)), second] }), 'copies');
    expect(both(storage(nights(3), { id: 'offsite' }))).toMatch(/^ok/);
    expect(both(storage(nights(3).slice(0, 2), { id: 'offsite' }))).toMatch(/^critical: .* is missing in offsite/);
    expect(both(storage([], { id: 'offsite', problem: 'refused' }))).toBe('critical: offsite does not answer: refused');
    const silent = judge({ storages: [storage([], { problem: 'refused' })] });
    expect(silent.checks.filter(({ status }) => status === 'ok').map(({ id }) => id)).toEqual(['failures']);
    expect(check(silent, 'last_backup')).toBe('skipped: no storage answers: local: refused');
  });

  test('says of the key what it knows', () => {
    const key = (state: BackupFacts['key']['state'], entry = {}) =>
      check(judge({ key: { state, message: 'm' } }, entry), 'key');
    expect(key('opens')).toBe('ok: m');
    expect(key('wrong')).toMatch(/^critical/);
    expect(key('not-given')).toBe('skipped: m');
    const recipient = 'age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg';
    expect(key('not-encrypted', { encryptFor: [recipient] })).toMatch(/^warning/);
  });
});

describe('looking at the storages', () => {
  test('needs no database, and finds what failed by the folder of failures', async () => {
    const sections = {
      databases: [{ id: 'tracks', url: 'postgresql://u@127.0.0.1:1/tracks' }],
      backups: backupsSchema.parse([{ database: 'tracks' }]),
      backupStorages: [],
    };
    const backups = openBackups({ sections, variables: { BACKUP_DIR: directory }, directory, clock: systemClock });
    const failed = path.join(directory, 'failed', backup({ hoursAgo: 1 }).id);
    mkdirSync(failed, { recursive: true });
    writeFileSync(path.join(failed, 'failure.json'), JSON.stringify({ reason: 'unreachable' }));
    mkdirSync(path.join(directory, 'failed', backup({ hoursAgo: 1 }).id.replace('tracks', 'other')));
    const { workDirectory } = backups;
    const standing = await monitorBackups(backups.database('tracks'), { workDirectory, nowMs: NOW_MS });
    expect(standing.status).toBe('critical');
    expect(check(standing, 'failures')).toBe('warning: 1 backup failed in a row, the last one by unreachable');
    expect(standing.figures.ageSeconds).toBeNull();
    expect(Number(new Date(standing.checkedAt))).toBe(NOW_MS);
  });
});
