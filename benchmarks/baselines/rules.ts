import { compare, NO_ZONE } from '../../backend/jobs/src/baselines/expected.ts';
import { findShift, SHIFT } from '../../backend/jobs/src/baselines/shift.ts';
import { secondsOfDay } from '../../backend/jobs/src/baselines/time-of-day.ts';
import type { StartJudge } from './measure.ts';
import type { Baseline, Judged, ObservedRun } from '../../backend/jobs/src/baselines/types.ts';

export type Finding = 'normal' | 'slow' | 'fast';
/** Judges the runs of one job in order, each for itself. */
export type Judge = (run: ObservedRun) => Finding;

/** A way to tell a shift from chance, with the one number that trades false episodes for speed. */
export interface Rule {
  readonly name: string;
  readonly what: string;
  readonly threshold: number;
  /** Thresholds to choose from when it is tuned, from eager to reluctant. */
  readonly grid: readonly number[];
  readonly start: (baseline: Baseline, threshold: number) => Judge;
}

const range = (from: number, to: number, step: number): number[] =>
  Array.from(
    { length: Math.round((to - from) / step) + 1 },
    (_, index) => Math.round((from + index * step) * 100) / 100,
  );

const clipped = (value: number): number => Math.max(-SHIFT.clip, Math.min(SHIFT.clip, value));
const side = (isFound: boolean, value: number): Finding => (!isFound ? 'normal' : value > 0 ? 'slow' : 'fast');

const timeOf = ({ startedAtMs }: ObservedRun) => ({
  secondsOfDay: secondsOfDay(startedAtMs, NO_ZONE),
  timeZone: NO_ZONE,
});

/** Deviations from what the baseline expects. */
function deviations(baseline: Baseline, run: ObservedRun): number {
  const { logRatio, sigma } = compare(baseline, Math.log(run.durationMs), run.itemsProcessed, timeOf(run));
  return logRatio / sigma;
}

const percentile: Rule = {
  name: 'last run against P95',
  what: 'the last run took more than the baseline’s P95 times the threshold, or was as far below the median',
  threshold: 13.5,
  grid: range(1, 20, 0.5),
  start: (baseline, threshold) => {
    const reach = Math.log(baseline.p95Ms / baseline.p50Ms) + Math.log(threshold);
    return (run) => {
      const distance = Math.log(run.durationMs / baseline.p50Ms);
      return side(Math.abs(distance) > reach, distance);
    };
  },
};

const moving: Rule = {
  name: 'moving window',
  what: 'the trimmed mean of the last 5 logarithms against that of the 30 before, not frozen, no cycle',
  threshold: 6.5,
  grid: range(2.5, 10, 0.25),
  start: (_baseline, threshold) => {
    const logs: number[] = [];
    return (run) => {
      logs.push(Math.log(run.durationMs));
      if (logs.length > 35) logs.shift();
      if (logs.length < 35) return 'normal';
      const before = trimmed(logs.slice(0, 30));
      const last = trimmed(logs.slice(30));
      const shift = last.mean - before.mean;
      const score = Math.abs(shift) / (before.deviation * Math.sqrt(1 / 5 + 1 / 30));
      return side(score > threshold && Math.abs(shift) > Math.log(1.25), shift);
    };
  },
};

function trimmed(values: readonly number[]): { mean: number; deviation: number } {
  const cut = Math.ceil(values.length * 0.1);
  const middle = values.toSorted((a, b) => a - b).slice(cut, -cut);
  const mean = middle.reduce((sum, value) => sum + value, 0) / middle.length;
  const squares = middle.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  // a normal sample without its outer tenths has 0.66 of its deviation
  return { mean, deviation: Math.max(0.02, Math.sqrt(squares / (middle.length - 1)) / 0.66) };
}

const ewma: Rule = {
  name: 'EWMA',
  what: 'exponentially weighted mean of clipped deviations from the frozen baseline, weight 0.2',
  threshold: 3.4,
  grid: range(2.4, 6, 0.1),
  start: (baseline, threshold) => {
    const weight = 0.2;
    const limit = threshold * Math.sqrt(weight / (2 - weight));
    let mean = 0;
    return (run) => {
      mean += weight * (clipped(deviations(baseline, run)) - mean);
      return side(Math.abs(mean) > limit, mean);
    };
  },
};

const cusum: Rule = {
  name: 'CUSUM',
  what: 'sums of clipped deviations beyond 0.7 (the best of five allowances), each side for itself',
  threshold: 4.6,
  grid: range(3, 9, 0.2),
  start: (baseline, threshold) => {
    const allowance = 0.7;
    let [up, down] = [0, 0];
    return (run) => {
      const value = clipped(deviations(baseline, run));
      up = Math.min(2 * threshold, Math.max(0, up + value - allowance));
      down = Math.min(2 * threshold, Math.max(0, down - value - allowance));
      return side(Math.max(up, down) > threshold, up - down);
    };
  },
};

function glr(baseline: Baseline, threshold: number): Judge {
  let window: Judged[] = [];
  return (run) => {
    const { logRatio, sigma } = compare(baseline, Math.log(run.durationMs), run.itemsProcessed, timeOf(run));
    window = [...window, [run.startedAtMs, run.id, logRatio, logRatio / sigma] as const].slice(-SHIFT.mostRuns);
    return findShift(baseline, window, { ...SHIFT, threshold })?.kind ?? 'normal';
  };
}

const shift: Rule = {
  name: 'GLR (chosen)',
  what: 'the best of all rows of 2 to 24 last runs against the frozen baseline, clipped deviations',
  threshold: SHIFT.threshold,
  grid: range(2.8, 5, 0.05),
  start: glr,
};

const withoutCycle: Rule = {
  name: 'GLR without cycle',
  what: 'the same with a baseline that knows no hours',
  threshold: 6.2,
  grid: range(2.8, 9, 0.1),
  start: (baseline, threshold) => {
    const flat = {
      ...baseline,
      cycle: [],
      sigma: Math.hypot(baseline.sigma, Math.hypot(...baseline.cycle) / Math.SQRT2),
    };
    return glr(flat, threshold);
  },
};

export const RULES: readonly Rule[] = [percentile, moving, ewma, cusum, withoutCycle, shift];

const RUNS_TO_END = 5;

/** Every rule gets the same episodes: one lasts until five runs in a row were normal. */
export function asStartJudge(rule: Rule, threshold = rule.threshold): StartJudge {
  return ({ frozen }) => {
    const judge = rule.start(frozen.baseline!, threshold);
    let kind: Finding = 'normal';
    let normal = 0;
    return (run) => {
      const finding = judge(run);
      normal = finding === 'normal' ? normal + 1 : 0;
      if (finding !== 'normal') kind = finding;
      else if (normal >= RUNS_TO_END) kind = 'normal';
      return kind;
    };
  };
}
