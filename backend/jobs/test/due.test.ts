import { describe, expect, test } from '@jest/globals';
import { schedule } from '../src/definition/schedule-settings.ts';
import { lastDue, lastDues, nextDue, type DueTimes } from '../src/schedule/due.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Africa/Cairo', 'UTC'];
const DAILY = ['30 2 * * *', '0 2 * * *', '30 1 * * *', '15 0 * * *'];

/** All times of a schedule between two moments, as what waits for the next one meets them. */
function dueBetween(times: DueTimes, fromMs: number, untilMs: number): number[] {
  const found: number[] = [];
  for (let due = nextDue(times, new Date(fromMs)); due.getTime() <= untilMs; due = nextDue(times, due)) {
    found.push(due.getTime());
  }
  return found;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** What a clock on the wall shows, such as `2026-03-29 02:30`. */
function wallTime(atMs: number, timeZone: string): string {
  const format =
    formats.get(timeZone) ?? new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  formats.set(timeZone, format);
  return format.format(atMs);
}

const YEAR_MS = Date.UTC(2026, 0, 1);
const UNTIL_MS = Date.UTC(2027, 0, 1);

/** From the day before to the day after each clock change of the year; in UTC some days without one. */
function nights(timeZone: string): [number, number][] {
  const minutesAhead = (atMs: number): number => Date.parse(`${wallTime(atMs, timeZone)}Z`) - atMs;
  const hours = Array.from({ length: (UNTIL_MS - YEAR_MS) / HOUR_MS }, (_, index) => YEAR_MS + index * HOUR_MS);
  const changes = hours.filter((atMs) => minutesAhead(atMs) !== minutesAhead(atMs - HOUR_MS));
  return (changes.length > 0 ? changes : [Date.UTC(2026, 2, 29)]).map((atMs) => [
    atMs - 30 * HOUR_MS,
    atMs + 30 * HOUR_MS,
  ]);
}

describe.each(ZONES)('due times in %s', (timeZone) => {
  test('a daily time is due exactly once on every day of the year, the nights of clock changes included', () => {
    for (const cron of DAILY) {
      const [minute = '', hour] = cron.split(' ');
      const time = `0${hour}:${minute.padStart(2, '0')}`;
      const due = dueBetween({ cron, timeZone }, YEAR_MS - DAY_MS, UNTIL_MS + DAY_MS);
      const days = due.map((at) => wallTime(at, timeZone).slice(0, 10)).filter((day) => day.startsWith('2026'));
      expect([days.length, new Set(days).size]).toEqual([365, 365]);
      // at another time only where the clock skipped it, and then when the clock goes on
      const shifted = due.filter((at) => !wallTime(at, timeZone).endsWith(time));
      expect(shifted.length).toBeLessThanOrEqual(1);
      for (const at of shifted) {
        expect(wallTime(at - MINUTE_MS, timeZone) < `${wallTime(at, timeZone).slice(0, 10)} ${time}`).toBe(true);
      }
    }
  });

  test('every 15 minutes means every 15 minutes, and every hour every hour, also in these nights', () => {
    for (const [fromMs, untilMs] of nights(timeZone)) {
      const gaps = (cron: string) => {
        const due = dueBetween({ cron, timeZone }, fromMs, untilMs);
        return [...new Set(due.slice(1).map((at, index) => (at - due[index]!) / MINUTE_MS))].sort((a, b) => a - b);
      };
      expect(gaps('*/15 * * * *')).toEqual([15]);
      // where clocks change by half an hour, the full hour comes after 30 or 90 minutes once
      const hourly = gaps('0 * * * *').filter((gap) => timeZone !== 'Australia/Lord_Howe' || gap === 60);
      expect(hourly).toEqual([60]);
    }
  });

  test('looking back finds the same times as waiting for the next one', () => {
    for (const cron of [...DAILY, '0 * * * *', '5 1-3 * * *', '30 2 * * 0']) {
      for (const [fromMs, untilMs] of nights(timeZone)) {
        const due = dueBetween({ cron, timeZone }, fromMs, untilMs);
        const back = lastDues({ cron, timeZone }, new Date(untilMs), due.length).map((at) => at.getTime());
        expect(back.toReversed()).toEqual(due);
        for (const at of due.slice(0, 5)) expect(lastDue({ cron, timeZone }, new Date(at)).getTime()).toBe(at);
      }
    }
  });
});

describe('due times', () => {
  const zoned = (cron: string): DueTimes => ({ cron, timeZone: 'Europe/Berlin' });

  test('the 31st is due in months that have one, 29 February in leap years', () => {
    const months = dueBetween(zoned('0 6 31 * *'), YEAR_MS, UNTIL_MS).map((at) => new Date(at).getUTCMonth() + 1);
    expect(months).toEqual([1, 3, 5, 7, 8, 10, 12]);
    expect(nextDue(zoned('0 12 29 2 *'), new Date(YEAR_MS)).toISOString()).toBe('2028-02-29T11:00:00.000Z');
    expect(lastDue(zoned('0 12 29 2 *'), new Date(YEAR_MS)).toISOString()).toBe('2024-02-29T11:00:00.000Z');
    const lastDays = dueBetween(zoned('0 6 L * *'), YEAR_MS, UNTIL_MS).map((at) => new Date(at).getUTCDate());
    expect(lastDays).toEqual([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);
  });

  test('a schedule that is never due, or has no five fields, is refused with the reason', () => {
    const problem = (cron: string) => schedule.safeParse({ cron }).error?.issues[0]?.message;
    expect(problem('0 0 30 2 *')).toBe('is never due');
    expect(problem('61 * * * *')).toMatch(/minute/);
    expect(problem('0 0 0 * * *')).toMatch(/five fields/);
    expect(problem('@daily')).toBeUndefined();
  });
});
