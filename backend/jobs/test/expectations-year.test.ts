import { describe, expect, test } from '@jest/globals';
import { judge } from '../src/expectations/judge.ts';
import type { HealthInput, JudgedRun } from '../src/expectations/types.ts';
import { lastDue, nextDue, type DueTimes } from '../src/schedule/due.ts';
import { offsetSeconds } from '../src/schedule/time-zone.ts';
import { randomNumbers } from './support/healthy-job.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const GRACE_SECONDS = 600;
const YEAR_MS = Date.UTC(2026, 0, 1);
const UNTIL_MS = Date.UTC(2027, 0, 1);
const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca'];

/** Around each clock change of the year. */
function nights(timeZone: string): [number, number][] {
  const hours = Array.from({ length: 365 * 24 }, (_, index) => YEAR_MS + index * HOUR_MS);
  return hours
    .filter((ms) => offsetSeconds(ms, timeZone) !== offsetSeconds(ms - HOUR_MS, timeZone))
    .map((ms) => [ms - 30 * HOUR_MS, ms + 30 * HOUR_MS]);
}

/** Starts what is due as a worker does: looks every few seconds, and moves on to the next due time after now. */
function scheduled(schedule: DueTimes, fromMs: number, untilMs: number, random: () => number): JudgedRun[] {
  const runs: JudgedRun[] = [];
  let dueMs = nextDue(schedule, new Date(fromMs)).getTime();
  while (dueMs <= untilMs) {
    const startedAtMs = dueMs + Math.round(random() * 0.9 * GRACE_SECONDS * 1000);
    const dueAtMs = lastDue(schedule, new Date(dueMs + 1)).getTime();
    runs.push({ id: `${dueMs}`, status: 'SUCCEEDED', trigger: 'schedule', startedAtMs, dueAtMs });
    dueMs = nextDue(schedule, new Date(dueMs)).getTime();
  }
  return runs;
}

/** How the job stands at a moment, by the runs that had begun by then. */
function stateAt(
  schedule: DueTimes,
  all: readonly JudgedRun[],
  nowMs: number,
  sinceMs: number,
  more: Partial<HealthInput> = {},
) {
  const begun = all.filter(({ startedAtMs }) => startedAtMs <= nowMs).slice(-8);
  const input = { expectation: schedule, graceSeconds: GRACE_SECONDS, openRuns: [], nowMs, sinceMs };
  return judge({ ...input, runs: begun.toReversed(), ...more }).state;
}

describe.each(ZONES)('over the year in %s', (timeZone) => {
  test('a nightly job that runs is never called late, and one night without it never passes unseen', () => {
    for (const cron of ['30 2 * * *']) {
      const schedule = { cron, timeZone };
      const random = randomNumbers(17);
      const runs = scheduled(schedule, YEAR_MS, UNTIL_MS, random);
      for (const [index, { startedAtMs }] of runs.entries()) {
        if (index % 2 === 0) continue;
        const moments = [startedAtMs - 1, startedAtMs + random() * 23 * HOUR_MS];
        for (const nowMs of moments)
          expect([nowMs, stateAt(schedule, runs, nowMs, YEAR_MS)]).toEqual([nowMs, 'healthy']);
      }
      const missing = runs.filter((_, index) => index % 9 === 3);
      const rest = runs.filter((one) => !missing.includes(one));
      for (const { dueAtMs } of missing) {
        const lateMs = dueAtMs! + GRACE_SECONDS * 1000 + 1;
        expect([dueAtMs, stateAt(schedule, rest, lateMs, YEAR_MS)]).toEqual([dueAtMs, 'late']);
      }
    }
  });

  test('in the nights of clock changes no schedule is called late at any minute, and each missing run is seen', () => {
    for (const cron of ['30 2 * * *', '0 * * * *', '15 1-3 * * *']) {
      const schedule = { cron, timeZone };
      for (const [fromMs, untilMs] of nights(timeZone)) {
        const runs = scheduled(schedule, fromMs - 6 * DAY_MS, untilMs, randomNumbers(23));
        const sinceMs = fromMs - 6 * DAY_MS;
        for (let nowMs = fromMs + 24 * HOUR_MS; nowMs < fromMs + 36 * HOUR_MS; nowMs += 13 * MINUTE_MS) {
          expect([nowMs, stateAt(schedule, runs, nowMs, sinceMs)]).toEqual([nowMs, 'healthy']);
        }
        for (const missing of runs.filter(({ dueAtMs }) => dueAtMs! > fromMs + 24 * HOUR_MS).slice(0, 6)) {
          const rest = runs.filter((one) => one !== missing);
          const lateMs = missing.dueAtMs! + GRACE_SECONDS * 1000 + 1;
          expect([missing.dueAtMs, stateAt(schedule, rest, lateMs, sinceMs)]).toEqual([missing.dueAtMs, 'late']);
        }
      }
    }
  });

  test('another machine’s cron may keep to the skipped or the second time, without being called late', () => {
    const schedule = { cron: '30 2 * * *', timeZone };
    const ownWays: ((dueMs: number) => number)[] = [
      (dueMs) => dueMs,
      (dueMs) => dueMs + skippedMs(dueMs, timeZone),
      (dueMs) => dueMs + repeatedMs(dueMs, timeZone),
    ];
    for (const [fromMs, untilMs] of nights(timeZone)) {
      for (const startOf of ownWays) {
        const runs = scheduled(schedule, fromMs - 6 * DAY_MS, untilMs, () => 0).map((one) => ({
          ...one,
          trigger: 'report',
          dueAtMs: undefined,
          startedAtMs: startOf(one.startedAtMs) + 5000,
        }));
        for (let nowMs = fromMs + 24 * HOUR_MS; nowMs < fromMs + 36 * HOUR_MS; nowMs += 17 * MINUTE_MS) {
          const state = stateAt(schedule, runs, nowMs, fromMs - 6 * DAY_MS, { isReported: true });
          expect([nowMs, state]).toEqual([nowMs, 'healthy']);
        }
      }
    }
  });
});

/** How much the clock skipped just before a moment. */
const skippedMs = (atMs: number, timeZone: string): number =>
  Math.max(0, offsetSeconds(atMs, timeZone) - offsetSeconds(atMs - 1, timeZone)) * 1000;

/** After how long the clock shows the same time once more, when it does. */
function repeatedMs(atMs: number, timeZone: string): number {
  const backMs = (offsetSeconds(atMs, timeZone) - offsetSeconds(atMs + HOUR_MS, timeZone)) * 1000;
  return backMs > 0 && offsetSeconds(atMs + backMs, timeZone) < offsetSeconds(atMs, timeZone) ? backMs : 0;
}
