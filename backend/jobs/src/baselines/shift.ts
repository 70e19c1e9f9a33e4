import { parametersOf } from './fit.ts';
import { spread } from './neighbours.ts';
import { median } from './robust.ts';
import type { Baseline, Judged } from './types.ts';

/** What was chosen by measurement: `npm run bench:baselines` shows it beside other rules. */
export interface ShiftSettings {
  /** Standard errors that the mean of the last runs must be away from the baseline. */
  readonly threshold: number;
  /** Deviations that a single run counts at most: an outlier is one run, not a shift. */
  readonly clip: number;
  readonly leastRuns: number;
  readonly mostRuns: number;
  /** No shift below this ratio is reported, however sure. */
  readonly leastRatio: number;
  /** Nor below this many deviations of single runs. */
  readonly leastDeviations: number;
  /** Part of the baseline's own variance that is counted in. */
  readonly ownError: number;
}

export const SHIFT: ShiftSettings = {
  threshold: 3.5,
  clip: 2.4,
  leastRuns: 2,
  mostRuns: 24,
  leastRatio: 1.25,
  leastDeviations: 0.6,
  ownError: 0.25,
};

export interface Shift {
  readonly kind: 'slow' | 'fast';
  /** Index in the window of the first run that is shifted. */
  readonly from: number;
}

/**
 * Looks for a lasting shift: of all rows of runs that end now, the one whose mean is furthest from the baseline in
 * standard errors (the generalised likelihood ratio test for a change of the mean). That neighbours are alike, and that
 * the baseline itself was learnt from few runs, makes the errors larger.
 *
 * Source: Siegmund, Venkatraman: "Using the generalized likelihood ratio statistic for sequential detection of a
 * change-point", Annals of Statistics 23, 1995; Huber's clipping for the outliers.
 *
 * @param window judged runs in order of time
 */
export function findShift(baseline: Baseline, window: readonly Judged[], settings: ShiftSettings): Shift | undefined {
  const ownError = (settings.ownError * parametersOf(baseline) * spread(baseline.correlation)) / baseline.samples;
  const student = studentFactor(settings.threshold, baseline);
  const most = settings.clip * clipFactor(baseline.correlation) * student;
  let best: Shift | undefined;
  let highest = settings.threshold * student;
  let sum = 0;
  for (let runs = 1; runs <= Math.min(window.length, settings.mostRuns); runs++) {
    const from = window.length - runs;
    sum += clip(window[from]![3], most);
    if (runs < settings.leastRuns) continue;
    const score = Math.abs(sum / runs) / Math.sqrt(varianceOfMean(runs, baseline.correlation) + ownError);
    if (score < highest || !isLarge(baseline, window, from, settings)) continue;
    best = { kind: sum > 0 ? 'slow' : 'fast', from };
    highest = score;
  }
  return best;
}

/** Cuts a value on both sides. */
export const clip = (value: number, most: number): number => Math.max(-most, Math.min(most, value));

/** The median of the logarithmic ratios from a place on. */
export const middleRatio = (window: readonly Judged[], from: number): number =>
  median(window.slice(from).map(([, , logRatio]) => logRatio));

function isLarge(baseline: Baseline, window: readonly Judged[], from: number, settings: ShiftSettings): boolean {
  const least = Math.max(Math.log(settings.leastRatio), settings.leastDeviations * baseline.sigma);
  return Math.abs(middleRatio(window, from)) >= least;
}

/** A deviation learnt from few runs is itself unsure: Student's quantile in place of the normal one (Cornish and Fisher). */
function studentFactor(threshold: number, baseline: Baseline): number {
  const freedom = Math.max(4, baseline.samples - parametersOf(baseline));
  return 1 + (threshold * threshold + 1) / (4 * freedom);
}

/** Where neighbours are alike three clipped runs must still suffice. */
const clipFactor = (correlation: number): number => Math.sqrt(3 * varianceOfMean(3, correlation));

/** Variance of the mean of neighbours, in variances of a single run. */
function varianceOfMean(runs: number, correlation: number): number {
  if (correlation === 0) return 1 / runs;
  let sum = 1;
  for (let lag = 1, power = correlation; lag < runs; lag++, power *= correlation) sum += 2 * (1 - lag / runs) * power;
  return sum / runs;
}
