import { describe, expect, test } from '@jest/globals';
import { planRetention, type RetainedBackup, type RetentionPolicy } from '../src/index.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 22, 12);

const backup = (agedDays: number, change: Partial<RetainedBackup> = {}): RetainedBackup => {
  const madeAtMs = NOW_MS - agedDays * DAY_MS;
  const time = new Date(madeAtMs).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
  const id = `${time}-tracks-3f9a1c`;
  return { id, state: 'exact', stateSinceMs: madeAtMs, madeAtMs, purpose: 'regular', isComparable: true, ...change };
};
const agesKept = (backups: RetainedBackup[], policy: RetentionPolicy): number[] =>
  planRetention(backups, policy, NOW_MS)
    .decisions.filter(({ action }) => action === 'keep')
    .map(({ backup: { madeAtMs } }) => Math.round((NOW_MS - madeAtMs) / DAY_MS));
const daily = (days: number): RetainedBackup[] => Array.from({ length: days }, (_, i) => backup(i));

describe('what retention keeps', () => {
  test('is thirty days unless told otherwise, and seven with the preset', () => {
    expect(agesKept(daily(60), {})).toHaveLength(30);
    expect(agesKept(daily(60), { keepDays: 7 })).toEqual([6, 5, 4, 3, 2, 1, 0]);
  });

  test('counts days back from the newest proven one, so that nothing proven goes while proving fails', () => {
    const proven = daily(60).map((one, i) => (i < 40 ? { ...one, state: 'decoded' as const } : one));
    expect(agesKept(proven, { keepDays: 7 })).toEqual([46, 45, 44, 43, 42, 41, 40, 2, 1, 0]);
  });

  test('is the last of each day, week, month and year together, and a number besides', () => {
    const hourly = Array.from({ length: 48 }, (_, i) => backup(i / 24));
    expect(agesKept(hourly, { keepDaily: 2 })).toHaveLength(2);
    // 2026-11-22 is a Sunday: it ends its week
    expect(agesKept(daily(800), { keepDaily: 2, keepWeekly: 3, keepMonthly: 2, keepYearly: 3 })).toEqual([
      691, 326, 22, 14, 7, 1, 0,
    ]);
    expect(agesKept(daily(10), { keepCount: 4 })).toEqual([3, 2, 1, 0]);
  });

  test('is at most so many unproven ones: the oldest go first, and it is said that proving fails', () => {
    const unproven = daily(9).map((one, i) => (i < 8 ? { ...one, state: 'decoded' as const } : one));
    const plan = planRetention(unproven, { keepDays: 30, keepUnproven: 3 }, NOW_MS);
    expect(agesKept(unproven, { keepDays: 30, keepUnproven: 3 })).toEqual([8, 2, 1, 0]);
    expect(plan).toMatchObject({ isProvingFailing: true, unprovenSince: 8 });
    expect(planRetention(daily(9), {}, NOW_MS)).toMatchObject({ isProvingFailing: false, unprovenSince: 0 });
  });

  test('holds damaged ones for a week after they were found, whatever their age', () => {
    const found = (days: number) => ({ state: 'damaged' as const, stateSinceMs: NOW_MS - days * DAY_MS });
    expect(agesKept([backup(50, found(6)), backup(49, found(8)), backup(1)], {})).toEqual([50, 1]);
    expect(agesKept([backup(50, found(8))], {})).toEqual([50]);
  });

  test('takes a restored dump without a manifest for proven, and one with a manifest not', () => {
    const restored = { state: 'restored' as const };
    const adopted = { ...restored, isComparable: false };
    expect(planRetention([backup(1, restored)], {}, NOW_MS).lastProven).toBeUndefined();
    expect(planRetention([backup(1, adopted)], {}, NOW_MS).lastProven).toBeDefined();
  });

  test('holds the newest damaged one for longer than a week while none is proven', () => {
    const found = { state: 'damaged' as const, stateSinceMs: NOW_MS - 20 * DAY_MS };
    const unproven = backup(1, { state: 'decoded' });
    expect(agesKept([backup(41, found), backup(40, found), unproven], {})).toEqual([40, 1]);
    expect(agesKept([backup(41, found), backup(40, found), backup(2), unproven], {})).toEqual([2, 1]);
  });

  test('does not go because another one was made by a clock that is ahead', () => {
    // of a machine that was in the next year for a while
    const ahead = [backup(-300), backup(-301, { state: 'decoded' }), backup(-302, { state: 'decoded' })];
    const history = [...daily(20).map((one, i) => (i === 0 ? { ...one, state: 'decoded' as const } : one)), ...ahead];
    const rules = { keepDays: 7, keepUnproven: 1 };
    expect(agesKept(history, rules)).toEqual([-300, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(planRetention(history, rules, NOW_MS)).toMatchObject({ unprovenSince: 1, isProvingFailing: false });
    expect(planRetention(history, rules, NOW_MS).lastProven?.madeAtMs).toBe(NOW_MS - DAY_MS);
    expect(agesKept(ahead, { keepCount: 1, keepUnproven: 1 })).toEqual([-300, -302]);
    // and of one that was reset, all others are ahead: nothing proven goes
    const { decisions } = planRetention(daily(20), { keepCount: 1 }, NOW_MS - 400 * DAY_MS);
    expect(decisions.every(({ action }) => action === 'keep')).toBe(true);
  });

  test('does not count what was made before a restore', () => {
    const safety = (age: number) => backup(age, { purpose: 'safety', state: 'decoded' });
    expect(agesKept([safety(40), safety(2), backup(3), safety(1)], { keepCount: 1 })).toEqual([3, 2, 1]);
  });
});

describe('whatever happened before', () => {
  const CASES = 400;

  test.each([1, 2, 3])(
    'the last exact one stays, nothing newer than it is called older, and pruning twice is pruning once (seed %i)',
    (seed) => {
      const random = seeded(seed);
      for (let i = 0; i < CASES; i++) {
        const backups = randomHistory(random);
        const policy = randomPolicy(random);
        const { decisions, lastProven } = planRetention(backups, policy, NOW_MS);
        const kept = decisions.filter(({ action }) => action === 'keep').map((decision) => decision.backup);
        const exact = backups.filter(({ state }) => state === 'exact');
        const lastExact = newest(exact.filter(({ madeAtMs }) => madeAtMs <= NOW_MS)) ?? newest(exact);
        if (lastExact) expect(kept).toContain(lastExact);
        if (lastProven) expect(kept).toContain(lastProven);
        if (backups.length > 0) expect(kept.length).toBeGreaterThan(0);
        expect(decisions).toHaveLength(backups.length);
        const again = planRetention(kept, policy, NOW_MS).decisions.filter(({ action }) => action === 'remove');
        expect(again).toEqual([]);
        expectUnproven(
          decisions.map(({ backup: one, action }) => ({ one, action })),
          policy,
        );
      }
    },
  );
});

/** Of the unproven the newest ones stay, as many as there may be. */
function expectUnproven(all: { one: RetainedBackup; action: string }[], { keepUnproven = 3 }: RetentionPolicy): void {
  const unproven = all.filter(
    ({ one }) => one.purpose === 'regular' && ['unverified', 'decoded', 'restored'].includes(one.state),
  );
  const expected = unproven.map((_, i) => (i >= unproven.length - keepUnproven ? 'keep' : 'remove'));
  const actions = unproven.map(({ action }) => action);
  expect(actions).toEqual(expected);
}

const newest = (backups: RetainedBackup[]): RetainedBackup | undefined =>
  [...backups].sort((a, b) => a.madeAtMs - b.madeAtMs || (a.id < b.id ? -1 : 1)).at(-1);

/** Numbers that are the same in each run (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function randomHistory(random: (below: number) => number): RetainedBackup[] {
  const states = ['exact', 'exact', 'decoded', 'restored', 'unverified', 'damaged', 'unreadable'] as const;
  return Array.from({ length: random(40) }, (_, i) => {
    const isAhead = random(12) === 0;
    const age = isAhead ? -1 - random(400) : random(random(2) ? 30 : 900) + random(24) / 24;
    const made = backup(age, { state: states[random(states.length)] ?? 'exact' });
    const purpose = random(10) === 0 ? 'safety' : 'regular';
    const stateSinceMs = made.madeAtMs + random(Math.max(1, Math.floor(age * 24))) * 3_600_000;
    return { ...made, purpose, stateSinceMs, id: `${made.id.slice(0, -6)}${String(i).padStart(6, '0')}` };
  });
}

function randomPolicy(random: (below: number) => number): RetentionPolicy {
  const some = (most: number): number | undefined => (random(2) ? random(most) : undefined);
  return {
    keepDays: some(40),
    keepCount: some(6),
    keepDaily: some(8),
    keepWeekly: some(6),
    keepMonthly: some(13),
    keepYearly: some(4),
    keepUnproven: random(5) + 1,
  };
}
