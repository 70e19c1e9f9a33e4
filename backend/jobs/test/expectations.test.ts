import { manualClock } from '@clearway/kernel';
import { describe, expect, test } from '@jest/globals';
import { judge } from '../src/expectations/judge.ts';
import type { HealthInput, JobHealth, JudgedRun } from '../src/expectations/types.ts';
import { startWatch } from '../src/expectations/watch.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const at = (time: string): number => Date.parse(`2026-${time}Z`);
const NIGHTLY = { cron: '30 2 * * *', timeZone: 'UTC' };

/** A run of half a minute that succeeded. */
const run = (startedAtMs: number, change: Partial<JudgedRun> = {}): JudgedRun => ({
  id: `run-${startedAtMs}`,
  status: 'SUCCEEDED',
  trigger: 'schedule',
  startedAtMs,
  endedAtMs: startedAtMs + 30 * SECOND_MS,
  ...change,
});
const open = (startedAtMs: number, change: Partial<JudgedRun> = {}): JudgedRun =>
  run(startedAtMs, { status: 'RUNNING', endedAtMs: undefined, ...change });

/** A nightly job at noon of 10 May that ran every night, unless said otherwise. */
function health(change: Partial<HealthInput> = {}): JobHealth {
  const runs = [10, 9, 8, 7].map((day) => run(at(`05-${String(day).padStart(2, '0')}T02:30:02`)));
  return judge({
    expectation: NIGHTLY,
    graceSeconds: 600,
    runs,
    openRuns: [],
    nowMs: at('05-10T12:00'),
    sinceMs: at('05-07T00:00'),
    ...change,
  });
}
const codes = ({ reasons }: JobHealth): string[] => reasons.map(({ code }) => code);

describe('a job with a schedule', () => {
  test('is healthy when its runs began within the grace, and says when it is due next', () => {
    expect(health()).toMatchObject({ state: 'healthy', reasons: [], nextDueAtMs: at('05-11T02:30') });
    expect(health().due.map(({ outcome }) => outcome)).toEqual(['begun', 'begun', 'begun', 'begun']);
  });

  test('waits for its run within the grace, is late after it, and says so', () => {
    const without = (time: string) =>
      health({ runs: [run(at('05-09T02:30'))], nowMs: at(time), sinceMs: at('05-09T00:00') });
    expect(without('05-10T02:40').state).toBe('healthy');
    expect(without('05-10T02:40').due[0]!.outcome).toBe('waiting');
    const late = without('05-10T02:55');
    expect(late).toMatchObject({ state: 'late', due: [{ outcome: 'late' }, { outcome: 'begun' }] });
    expect(late.reasons[0]!.text).toBe('due at 2026-05-10 02:30 (UTC), not begun for 25 min; grace 10 min');
  });

  test('that missed a night stays late until a run begins in time, and is silent after three', () => {
    const runs = [run(at('05-07T02:30'))];
    const sinceMs = at('05-07T00:00');
    const nextNight = health({ runs, sinceMs, nowMs: at('05-09T02:35') });
    expect(nextNight).toMatchObject({
      state: 'late',
      due: [{ outcome: 'waiting' }, { outcome: 'missed' }, { outcome: 'begun' }],
    });
    const third = health({ runs, sinceMs, nowMs: at('05-10T03:00') });
    expect(third.state).toBe('silent');
    expect(third.reasons[0]!.text).toBe('no run at the last 3 due times');
    const back = health({ runs: [run(at('05-11T02:30')), ...runs], sinceMs, nowMs: at('05-11T02:31') });
    expect(back.state).toBe('healthy');
    expect(back.due.map(({ outcome }) => outcome)).toEqual(['begun', 'missed', 'missed', 'missed', 'begun']);
  });

  test('that began too late is late while the run goes on, and no more when it has ended', () => {
    const before = [run(at('05-09T02:30'))];
    const going = health({ runs: before, openRuns: [open(at('05-10T03:10'))], nowMs: at('05-10T03:12') });
    expect(going.reasons).toMatchObject([{ code: 'began_late', state: 'late' }]);
    expect(health({ runs: [run(at('05-10T03:10')), ...before] }).state).toBe('healthy');
  });

  test('is not satisfied by a run that somebody started by hand, nor by one for another due time', () => {
    const before = [run(at('05-09T02:30')), run(at('05-08T02:30'))];
    const byHand = run(at('05-10T02:31'), { trigger: 'manual' });
    expect(health({ runs: [byHand, ...before] }).state).toBe('late');
    const madeUp = run(at('05-10T02:31'), { dueAtMs: at('05-09T02:30') });
    expect(health({ runs: [madeUp, ...before] }).state).toBe('late');
    expect(health({ runs: [run(at('05-10T02:31'), { dueAtMs: at('05-10T02:30') }), ...before] }).state).toBe('healthy');
  });

  test('may begin a little early where it is reported from a machine whose clock is ahead', () => {
    const early = [8, 9, 10].map((day) =>
      run(at(`05-${String(day).padStart(2, '0')}T02:29:20`), { trigger: 'report' }),
    );
    expect(health({ runs: early.toReversed() }).due[0]).toMatchObject({ outcome: 'begun', delayMs: 0 });
  });

  test('is not blamed for due times before it was known, before what is remembered, or while it is paused', () => {
    expect(health({ runs: [], sinceMs: at('05-10T03:00') }).state).toBe('healthy');
    expect(health({ runs: [], sinceMs: 0, runsKnownSinceMs: at('05-10T03:00') }).state).toBe('healthy');
    expect(health({ runs: [], isPaused: true })).toMatchObject({ state: 'healthy', nextDueAtMs: null });
    expect(health({ runs: [] }).state).toBe('silent');
  });
});

describe('a job of every so many seconds', () => {
  const every = (change: Partial<HealthInput>) =>
    health({ expectation: { everySeconds: 300 }, graceSeconds: 60, ...change });
  const noon = at('05-10T12:00');

  test('is silent when nothing was heard of it for longer, and healthy with the next sign', () => {
    expect(every({ runs: [run(noon - 380 * SECOND_MS)] }).state).toBe('healthy'); // ended 350 s ago
    const gone = every({ runs: [run(noon - 10 * MINUTE_MS)] });
    expect(gone).toMatchObject({ state: 'silent', reasons: [{ code: 'no_sign' }] });
    expect(gone.reasons[0]!.text).toBe('nothing heard for 9.5 min; expected every 5 min');
    expect(
      every({
        runs: [run(noon - 10 * MINUTE_MS)],
        openRuns: [open(noon - 9 * MINUTE_MS, { heartbeatAtMs: noon - MINUTE_MS })],
      }).state,
    ).toBe('healthy');
  });

  test('that was never heard of is silent after its first period', () => {
    expect(every({ runs: [], sinceMs: noon - 350 * SECOND_MS }).state).toBe('healthy');
    expect(every({ runs: [], sinceMs: noon - 370 * SECOND_MS }).reasons[0]!.text).toBe(
      'nothing heard ever; expected every 5 min',
    );
  });
});

describe('runs', () => {
  test('that failed make a job failing until one succeeds; what was cancelled says nothing', () => {
    const failed = (hour: number, change: Partial<JudgedRun> = {}) =>
      run(at(`05-10T0${hour}:30`), { status: 'FAILED', ...change });
    const success = run(at('05-10T02:30'));
    const one = health({ runs: [failed(5, { errorMessage: 'no space left' }), success] });
    expect(one).toMatchObject({ state: 'failing', failuresInRow: 1 });
    expect(one.reasons[0]!.text).toBe('the last run failed: no space left');
    const several = health({
      runs: [
        failed(6, { status: 'CANCELLED' }),
        failed(5, { status: 'TIMED_OUT' }),
        failed(4, { status: 'LOST' }),
        success,
      ],
    });
    expect(several.reasons[0]).toMatchObject({
      text: 'the last 2 runs failed; the newest timed out',
      sinceMs: at('05-10T04:30'),
    });
    expect(health({ runs: [failed(5), success], failuresInRow: 2 }).state).toBe('healthy');
    expect(health({ runs: [run(at('05-10T06:30')), failed(5)] }).failuresInRow).toBe(0);
  });

  test('that go on for twice as long as nearly all others are over-long before they end', () => {
    const usual = { p95Ms: 4 * MINUTE_MS, verdict: 'normal', evidence: null } as const;
    const openRuns = [open(at('05-10T02:30'))];
    const after = (minutes: number) =>
      health({ usual, openRuns, runs: [], sinceMs: at('05-10T00:00'), nowMs: at('05-10T02:30') + minutes * MINUTE_MS });
    expect(after(7).state).toBe('healthy');
    expect(after(10)).toMatchObject({ state: 'slow', reasons: [{ code: 'over_long', runId: openRuns[0]!.id }] });
    expect(after(10).reasons[0]!.text).toBe('a run has been going on for 10 min, 2.5 times what 95 % of runs take');
  });

  test('that stopped giving signs of life make a job silent', () => {
    const openRuns = [open(at('05-10T11:50'), { heartbeatAtMs: at('05-10T11:58') })];
    expect(health({ openRuns, signSeconds: 180 }).state).toBe('healthy');
    expect(health({ openRuns, signSeconds: 60 })).toMatchObject({ state: 'silent', reasons: [{ code: 'run_silent' }] });
  });

  test('that are slow, fast or empty against their past are told in the words of the baseline, the worst reason first', () => {
    const usual = (verdict: 'slow' | 'fast' | 'empty') => ({
      p95Ms: 1000,
      verdict,
      evidence: '2.1 times its usual 340 ms over the last 5 runs',
    });
    expect(health({ usual: usual('slow') })).toMatchObject({
      state: 'slow',
      reasons: [{ text: usual('slow').evidence }],
    });
    expect(health({ usual: usual('fast') }).state).toBe('suspicious');
    expect(health({ usual: usual('empty') }).reasons[0]!.code).toBe('empty');
    const all = health({ usual: usual('slow'), runs: [run(at('05-09T02:30'), { status: 'FAILED' })] });
    expect(codes(all)).toEqual(['failed', 'not_begun', 'slow']);
  });
});

describe('when the clock jumps', () => {
  const EVERY_QUARTER = { cron: '*/15 * * * *', timeZone: 'UTC' };
  const quarters = (until: number) => Array.from({ length: 20 }, (_, index) => run(until - index * 15 * MINUTE_MS));

  test('forwards, what was due in between is nobody’s fault before the grace has passed anew', () => {
    const clock = manualClock(at('05-10T12:01'));
    const watch = startWatch(clock, 10 * SECOND_MS);
    const look = (): JobHealth => {
      watch.look();
      const input = {
        expectation: EVERY_QUARTER,
        graceSeconds: 120,
        watchedSinceMs: watch.sinceMs,
        nowMs: clock.nowMs(),
      };
      return health({ ...input, runs: quarters(at('05-10T12:00')), sinceMs: at('05-10T08:00') });
    };
    expect(look().state).toBe('healthy');
    clock.setWallClock(at('05-10T15:20'));
    clock.tick(10 * SECOND_MS);
    expect(look().state).toBe('healthy');
    clock.tick(10 * SECOND_MS);
    expect(look().state).toBe('healthy');
    for (let seconds = 0; seconds < 180; seconds += 10) {
      clock.tick(10 * SECOND_MS);
      look();
    }
    expect(look().state).toBe('silent'); // nothing was started since: now it is the job's
  });

  test('backwards, runs that seem to come from the future count', () => {
    const runs = quarters(at('05-10T12:00'));
    const back = health({ expectation: EVERY_QUARTER, runs, nowMs: at('05-10T10:50'), sinceMs: at('05-10T08:00') });
    expect(back.state).toBe('healthy');
    const heartbeat = health({ expectation: { everySeconds: 60 }, runs, nowMs: at('05-10T10:50') });
    expect(heartbeat.state).toBe('healthy');
  });

  test('a watch starts anew after a jump and after a gap, and not by ticking', () => {
    const clock = manualClock();
    const watch = startWatch(clock, 10 * SECOND_MS);
    const startMs = clock.nowMs();
    for (let look = 0; look < 100; look++) {
      clock.tick(12 * SECOND_MS);
      watch.look();
    }
    expect(watch.sinceMs).toBe(startMs);
    clock.setWallClock(clock.nowMs() - HOUR_MS);
    watch.look();
    expect(watch.sinceMs).toBe(clock.nowMs());
    clock.tick(DAY_MS); // asleep
    watch.look();
    expect(watch.sinceMs).toBe(clock.nowMs());
  });
});
