import { describe, expect, test } from '@jest/globals';
import { backoffMs, manualClock, systemClock } from '../src/index.ts';

describe('the clocks', () => {
  test("the system's clock tells the time, and a monotonic one that never goes back", () => {
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
    const first = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
  });

  test('a manual clock stands still until it is told to go on', () => {
    const clock = manualClock(1000);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1000, 0]);
    clock.tick(250);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1250, 250]);
  });

  test('setting the wall clock back leaves durations alone', () => {
    const clock = manualClock(10_000);
    clock.tick(500);
    clock.setWallClock(0);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([0, 500]);
  });
});

describe('backoff', () => {
  const longest = (attempt: number) => backoffMs(attempt, { baseMs: 100, maxMs: 1000, random: () => 1 });

  test('doubles with each attempt up to its bound', () => {
    expect([1, 2, 3, 4, 5, 50].map(longest)).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  test('is spread over the whole range, so that clients do not come back together', () => {
    expect(backoffMs(3, { baseMs: 100, maxMs: 1000, random: () => 0 })).toBe(0);
    expect(backoffMs(3, { baseMs: 100, maxMs: 1000, random: () => 0.5 })).toBe(200);
    const waits = Array.from({ length: 50 }, () => backoffMs(3, { baseMs: 100, maxMs: 1000 }));
    expect(waits.every((ms) => ms >= 0 && ms <= 400)).toBe(true);
    expect(new Set(waits).size).toBeGreaterThan(5);
  });

  test('takes an attempt before the first as the first', () => {
    expect(longest(0)).toBe(100);
  });
});
