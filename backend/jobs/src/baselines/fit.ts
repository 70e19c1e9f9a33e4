import { cycleColumns, itemsTerm } from './expected.ts';
import { huberScale, median, quantile, robustFit, type Fit } from './robust.ts';
import { correlationOf } from './neighbours.ts';
import { gapSeconds, spanDays } from './samples.ts';
import { secondsOfDay } from './time-of-day.ts';
import type { Baseline, ItemsModel, Sample, Samples } from './types.ts';

/** Below this a job counts as perfectly even; no machine is. */
const LEAST_SIGMA = 0.03;
const MOST_HARMONICS = 6;
const COST_OF_COLUMN = 2;
/** A job that runs less often than this has no daily cycle to learn. */
export const DAILY_GAP_SECONDS = 18 * 3600;
/** A cycle needs to be seen twice. */
export const CYCLE_DAYS = 2;
const SAMPLES_PER_COLUMN = 8;

/**
 * Learns what a job usually takes: how its duration follows the items and the hour, as far as that pays, and how far
 * single runs lie from it.
 *
 * @returns the baseline and what is left of each sample
 */
export function fitBaseline(samples: Samples, timeZone: string): { baseline: Baseline; residuals: readonly number[] } {
  const { list, startMs } = samples;
  const logs = list.map(logOf);
  const items = fitItems(list);
  const rest = items
    ? logs.map((log, index) => log - itemsTerm(items.fixedShare, list[index]![2]!, items.usual))
    : logs;
  const { fit, harmonics } = fitCycle(samples, rest, timeZone);
  const durations = logs.map(Math.exp);
  const baseline: Baseline = {
    level: round(fit.coefficients[0]!),
    sigma: round(Math.max(LEAST_SIGMA, fit.scale)),
    items: items && { ...items, ...withoutItems(logs) },
    cycle: fit.coefficients.slice(1, 1 + 2 * harmonics).map(round),
    correlation: round(correlationOf(fit.residuals)),
    samples: list.length,
    averageMs: round(durations.reduce((sum, ms) => sum + ms, 0) / durations.length),
    p50Ms: round(quantile(durations, 0.5)),
    p95Ms: round(quantile(durations, 0.95)),
    fromMs: startMs + list[0]![0] * 1000,
    toMs: startMs + list.at(-1)![0] * 1000,
  };
  return { baseline, residuals: fit.residuals };
}

/** Parameters that were fitted: what the precision of the baseline suffers from. */
export const parametersOf = ({ cycle, items }: Baseline): number => 1 + cycle.length + (items ? 2 : 0);

const logOf = ([, milliLogMs]: Sample): number => milliLogMs / 1000;

const round = (value: number): number => Math.round(value * 1e4) / 1e4;

function withoutItems(logs: readonly number[]) {
  const level = median(logs);
  const sigma = huberScale(
    logs.map((log) => log - level),
    1,
  );
  return { levelWithout: round(level), sigmaWithout: round(Math.max(LEAST_SIGMA, sigma)) };
}

const SHARES = Array.from({ length: 21 }, (_, index) => index / 20);

/** Tries fixed shares from 0 to 1; the items count only when they explain clearly more than chance would. */
function fitItems(list: readonly Sample[]): Omit<ItemsModel, 'levelWithout' | 'sigmaWithout'> | null {
  const items = list.flatMap(([, , count]) => (count === undefined || count <= 0 ? [] : [count]));
  if (items.length < list.length) return null;
  const usual = median(items);
  const scaleAt = (share: number): number => {
    const rest = list.map((sample) => logOf(sample) - itemsTerm(share, sample[2]!, usual));
    const level = median(rest);
    return huberScale(
      rest.map((value) => value - level),
      1,
    );
  };
  const scales = SHARES.map(scaleAt);
  const best = scales.indexOf(Math.min(...scales));
  const gain = list.length * Math.log((scales.at(-1)! / Math.max(scales[best]!, 1e-6)) ** 2);
  if (gain < 3 * Math.log(list.length)) return null;
  return { fixedShare: SHARES[best]!, usual, least: quantile(items, 0.02), most: quantile(items, 0.98) };
}

/** Adds harmonics of the day while they explain more than chance would (Bayesian information criterion). */
function fitCycle(samples: Samples, values: readonly number[], timeZone: string): { fit: Fit; harmonics: number } {
  const seconds = samples.list.map(([at]) => secondsOfDay(samples.startMs + at * 1000, timeZone));
  const count = values.length;
  const cost = (fit: Fit): number =>
    2 * count * Math.log(Math.max(fit.scale, 1e-6)) + fit.coefficients.length * COST_OF_COLUMN;
  const fitWith = (harmonics: number): Fit =>
    robustFit(
      seconds.map((second) => [1, ...cycleColumns(second, harmonics)]),
      values,
    );
  const most = mostHarmonics(samples, seconds);
  const least = Math.min(1, most);
  let best = { fit: fitWith(least), harmonics: least };
  for (let harmonics = least + 1; harmonics <= most; harmonics++) {
    const fit = fitWith(harmonics);
    if (cost(fit) < cost(best.fit)) best = { fit, harmonics };
  }
  return best;
}

function mostHarmonics(samples: Samples, seconds: readonly number[]): number {
  if (spanDays(samples) < CYCLE_DAYS || gapSeconds(samples) >= DAILY_GAP_SECONDS) return 0;
  const hours = new Set(seconds.map((second) => Math.floor(second / 3600))).size;
  const byRoom = Math.floor((seconds.length / SAMPLES_PER_COLUMN - 1) / 2);
  return Math.max(0, Math.min(MOST_HARMONICS, Math.floor((hours - 1) / 2), byRoom));
}
