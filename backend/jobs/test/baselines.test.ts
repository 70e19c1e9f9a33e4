import { describe, expect, test } from '@jest/globals';
import { accept, newBaseline, observe, relearn } from '../src/baselines/detector.ts';
import type { BaselineState } from '../src/baselines/types.ts';
import { DAY_MS, HOUR_MS, healthyRuns, learnt, observeAll, take, times } from './support/healthy-job.ts';

const kinds = (verdicts: readonly { kind: string }[]): string[] => verdicts.map(({ kind }) => kind);
const alarms = (verdicts: readonly { kind: string }[]): string[] =>
  kinds(verdicts).filter((kind) => kind !== 'normal' && kind !== 'learning');

describe('the baseline of a job', () => {
  test('a job that doubled is found within five runs, and the evidence says since when and by how much', () => {
    const runs = healthyRuns();
    const { verdicts } = observeAll(learnt(runs), [...take(runs, 20), ...take(runs, 5, times(2))]);
    expect(alarms(verdicts.slice(0, 20))).toEqual([]);
    const last = verdicts.at(-1)!;
    expect(last.kind).toBe('slow');
    expect(last.sinceRun.id).toBe('run-80');
    expect(last.ratio).toBeGreaterThan(1.7);
    expect(last.ratio).toBeLessThan(2.4);
    expect(last.evidence).toMatch(/^(1\.[89]|2|2\.[0-2]) times its usual 3\d\d ms over the last 5 runs$/);
  });

  test('a job that takes half of its time is found as well', () => {
    const runs = healthyRuns();
    const { verdicts } = observeAll(learnt(runs), take(runs, 5, times(0.5)));
    expect(verdicts.at(-1)).toMatchObject({ kind: 'fast', sinceRun: { id: 'run-60' } });
  });

  test('one run that hung, and even two, are no shift', () => {
    const runs = healthyRuns();
    const hung = [...take(runs, 10), ...take(runs, 2, times(30)), ...take(runs, 20)];
    expect(alarms(observeAll(learnt(runs), hung).verdicts)).toEqual([]);
  });

  test('an episode ends when the job is as usual again, and does not begin again by its own old runs', () => {
    const runs = healthyRuns();
    const { verdicts } = observeAll(learnt(runs), [...take(runs, 8, times(2)), ...take(runs, 40)]);
    expect(verdicts[7]!.kind).toBe('slow');
    expect(verdicts[13]!.kind).toBe('normal');
    expect(alarms(verdicts.slice(13))).toEqual([]);
  });

  test('a frozen baseline does not follow small steps: they add up until they are found', () => {
    const runs = healthyRuns();
    const frozen = learnt(runs);
    const steps = Array.from({ length: 12 }, (_, step) => take(runs, 10, times(1.04 ** step))).flat();
    const { state, verdicts } = observeAll(frozen, steps);
    expect(verdicts.at(-1)!.kind).toBe('slow');
    expect(state.baseline).toEqual(frozen.baseline);
  });

  test('a job that grows while it is learnt is not frozen before it holds still', () => {
    const runs = healthyRuns({ factor: (atMs) => Math.min(6, 1.03 ** ((atMs - Date.UTC(2026, 0, 5)) / DAY_MS)) });
    const early = observeAll(newBaseline(), take(runs, 80)).state;
    expect(early.phase).toBe('learning');
    expect(observeAll(early, take(runs, 150)).state.phase).toBe('frozen');
  });

  test('while it is still learnt, a threefold duration is found from some twenty runs', () => {
    const runs = healthyRuns({ sigma: 0.2 });
    const { verdicts } = observeAll(newBaseline(), [...take(runs, 20), ...take(runs, 6, times(3))]);
    expect(kinds(verdicts.slice(0, 20))).toEqual(Array(20).fill('learning'));
    expect(verdicts.at(-1)!.kind).toBe('slow');
  });

  test('when the first runs were not the usual, it starts again by itself', () => {
    const runs = healthyRuns();
    const { state } = observeAll(newBaseline(), [...take(runs, 15, times(8)), ...take(runs, 120)]);
    expect(state.phase).toBe('frozen');
    expect(Math.exp(state.baseline!.level)).toBeLessThan(400);
  });

  test('a swing over the day is learnt: the same duration is usual at noon and too slow at night', () => {
    const swing = (atMs: number) => 1 - 0.5 * Math.cos((2 * Math.PI * atMs) / DAY_MS);
    const runs = healthyRuns({ gapMs: HOUR_MS, factor: swing });
    const frozen = learnt(runs);
    expect(alarms(observeAll(frozen, take(runs, 240)).verdicts)).toEqual([]);
    const atNight = { startedAtMs: Date.UTC(2026, 2, 1, 0), durationMs: 500 };
    const night = Array.from({ length: 4 }, (_, i) => ({
      ...atNight,
      id: `n${i}`,
      startedAtMs: atNight.startedAtMs + i,
    }));
    const noon = night.map((run) => ({ ...run, startedAtMs: run.startedAtMs + 12 * HOUR_MS }));
    expect(observeAll(frozen, noon).verdicts.at(-1)!.kind).toBe('normal');
    const verdict = observeAll(frozen, night).verdicts.at(-1)!;
    expect(verdict.kind).toBe('slow');
    expect(verdict.evidence).toMatch(/ at this hour over the last 4 runs$/);
  });

  test('hours are counted in the time zone of the job, so that a clock change does not move its day', () => {
    const office = (atMs: number) => {
      const hour = Number(
        new Intl.DateTimeFormat('en', { hour: 'numeric', hourCycle: 'h23', timeZone: 'Europe/Berlin' }).format(atMs),
      );
      return hour >= 8 && hour < 18 ? 1.6 : 0.8;
    };
    const runs = healthyRuns({ gapMs: HOUR_MS / 2, factor: office, sigma: 0.05 });
    const frozen = learnt(runs, { timeZone: 'Europe/Berlin' });
    const untilMay = take(runs, 48 * 100);
    expect(alarms(observeAll(frozen, untilMay).verdicts)).toEqual([]);
  });

  test('where nobody said the time zone, the hour by which people move their day is no shift', () => {
    const format = new Intl.DateTimeFormat('en', { hour: 'numeric', hourCycle: 'h23', timeZone: 'Europe/Berlin' });
    const office = (atMs: number) => (Math.abs(Number(format.format(atMs)) - 12.5) < 5 ? 1.3 : 0.7);
    const runs = healthyRuns({ gapMs: HOUR_MS / 4, factor: office });
    expect(alarms(observeAll(learnt(runs), take(runs, 96 * 100)).verdicts)).toEqual([]);
  });

  test('where runs say how many items they had, the duration is held against these', () => {
    const items = (_index: number, random: () => number) => Math.round(200 * 40 ** random());
    const shape = { items, msFor: (count: number) => 100 + count / 2 };
    const runs = healthyRuns(shape);
    const frozen = learnt(runs);
    expect(frozen.baseline!.items!.fixedShare).toBeLessThan(0.3);
    expect(alarms(observeAll(frozen, take(runs, 100)).verdicts)).toEqual([]);
    // ten times as long for ten times as many items is fine, the same for as few is not
    const large = take(healthyRuns({ ...shape, items: () => 7000, seed: 9 }), 8);
    expect(alarms(observeAll(frozen, large).verdicts)).toEqual([]);
    const small = large.map((run) => ({ ...run, itemsProcessed: 700 }));
    const { kind, evidence } = observeAll(frozen, small).verdicts.at(-1)!;
    expect(kind).toBe('slow');
    expect(evidence).toMatch(/times its usual \d+ ms for 700 items over the last 8 runs/);
  });

  test('far more items than were ever learnt are judged mildly: the line is not known there', () => {
    const items = (_index: number, random: () => number) => 100 + Math.round(100 * random());
    const runs = healthyRuns({ items, msFor: (count) => count * 2 });
    const frozen = learnt(runs);
    const capped = take(runs, 10, () => ({ itemsProcessed: 5000, durationMs: 2000 }));
    expect(alarms(observeAll(frozen, capped).verdicts)).toEqual([]);
  });

  test('a job that suddenly finds nothing to do is empty, and not fast', () => {
    const runs = healthyRuns({ items: () => 1000 });
    const empty = take(runs, 3, () => ({ itemsProcessed: 0, durationMs: 3 }));
    const { verdicts } = observeAll(learnt(runs), [...take(runs, 5), ...empty]);
    expect(alarms(verdicts)).toEqual(['empty', 'empty']);
    expect(verdicts.at(-1)).toMatchObject({ sinceRun: { id: empty[0]!.id }, runs: 3, ratio: 0 });
    expect(verdicts.at(-1)!.evidence).toBe('nothing processed in the last 3 runs; of 60 runs before, 0 were empty');
  });

  test('a job that often finds nothing to do, or nothing every night, is not reported for it', () => {
    const atNight = (index: number) => (index % 24 < 8 ? 0 : 500);
    const nightly = healthyRuns({ gapMs: HOUR_MS, items: atNight });
    expect(alarms(observeAll(learnt(nightly), take(nightly, 240)).verdicts)).toEqual([]);
    const idle = healthyRuns({ items: (_index, random) => (random() < 0.7 ? 0 : 500) });
    expect(alarms(observeAll(learnt(idle), take(idle, 200)).verdicts)).toEqual([]);
  });

  test('accepting a shift makes it the usual at once, and has it learnt anew', () => {
    const runs = healthyRuns();
    const shifted = observeAll(learnt(runs), take(runs, 6, times(2))).state;
    const accepted = accept(shifted);
    const { state, verdicts } = observeAll(accepted, take(runs, 60, times(2)));
    expect(alarms(verdicts)).toEqual([]);
    expect(state.phase).toBe('frozen');
    expect(Math.exp(state.baseline!.level)).toBeGreaterThan(600);
    // judged meanwhile: back at the old level is too fast now
    expect(observeAll(accepted, take(runs, 6)).verdicts.at(-1)!.kind).toBe('fast');
    expect(accept(accepted)).toEqual(accepted);
  });

  test('relearning forgets everything but the time zone', () => {
    const runs = healthyRuns();
    expect(relearn(learnt(runs, { timeZone: 'Asia/Tokyo' }))).toEqual(newBaseline({ timeZone: 'Asia/Tokyo' }));
  });
});

describe('the state of a baseline', () => {
  const throughJson = (state: BaselineState): BaselineState => JSON.parse(JSON.stringify(state)) as BaselineState;

  test('survives JSON after every run, learning and frozen, to the same verdicts', () => {
    const runs = take(healthyRuns({ gapMs: HOUR_MS, items: () => 400 }), 260, (run) =>
      run.id > 'run-25' ? times(2)(run) : {},
    );
    let kept = newBaseline();
    const verdicts = runs.map((run) => {
      const observation = observe(throughJson(kept), run);
      kept = observation.state;
      return observation.verdict;
    });
    expect(verdicts).toEqual(observeAll(newBaseline(), runs).verdicts);
  });

  test('stays below 8 KB, whatever a job does', () => {
    const sizes: number[] = [];
    for (const gapMs of [60_000, HOUR_MS, 20 * DAY_MS]) {
      const runs = healthyRuns({ gapMs, sigma: 0.4, usualMs: 5e7, items: (_i, random) => Math.round(1e9 * random()) });
      const unstable = (run: { startedAtMs: number }) => ({
        id: crypto.randomUUID(),
        durationMs: 1e7 * 1.0001 ** ((run.startedAtMs / gapMs) % 9000),
      });
      let state = newBaseline({ timeZone: 'America/Argentina/ComodRivadavia' });
      for (const run of take(runs, 3000, unstable)) {
        state = observe(state, run).state;
        sizes.push(JSON.stringify(state).length);
      }
    }
    expect(Math.max(...sizes)).toBeLessThan(8192);
    expect(Math.max(...sizes)).toBeGreaterThan(4000); // it was put under pressure at all
  });

  test('is the same when workers report the last runs in another order', () => {
    const runs = healthyRuns();
    const frozen = learnt(runs);
    const last = take(runs, 24);
    const swapped = last.map((_, index) => last[index % 2 === 0 ? index + 1 : index - 1]!);
    expect(observeAll(frozen, swapped).state).toEqual(observeAll(frozen, last).state);
    const slow = take(runs, 8, times(2));
    const verdict = (order: readonly number[]) =>
      observeAll(
        frozen,
        order.map((index) => slow[index]!),
      ).verdicts.at(-1)!;
    const inOrder = verdict([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(verdict([2, 0, 1, 4, 3, 7, 5, 6])).toMatchObject({
      kind: 'slow',
      ratio: inOrder.ratio,
      sinceRun: inOrder.sinceRun,
    });
  });

  test('is not spoilt by a duration that is none', () => {
    const runs = healthyRuns();
    const frozen = learnt(runs);
    const broken = take(runs, 3, () => ({ durationMs: NaN }));
    expect(observeAll(frozen, broken).state).toEqual(frozen);
  });
});
