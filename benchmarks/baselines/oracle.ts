import { OUTLIERS, type Workload } from './generator.ts';
import { DRIFT } from './measure.ts';
import { seeded, type Random } from './random.ts';

/** What no detector can be expected to pass: the share found by one that need not learn anything. */
export interface OracleFound {
  readonly doubledWithin5: number;
  readonly doubledWithin8: number;
  /** Undefined where a job runs so often that every detector finds all. */
  readonly drift: number | undefined;
}

/** How it was measured, beside the command: enough for two digits. */
export const ORACLE = { healthyRuns: 40_000, trials: 2000, seed: 7_000_000 };

export interface OracleOptions {
  readonly healthyRuns: number;
  readonly trials: number;
  readonly seed: number;
  /**
   * From how many runs it had to learn the usual duration; all else it knows still. Infinity by default: it knows that too.
   */
  readonly learntFrom?: number;
}

/** As many as the bars allow, and all of them spent on the one change that it looks for. */
const FALSE_PER_RUN = 2 / 1000;
const RUNS_TO_END = 5;
/** After so many runs another job is learnt. */
const RUNS_OF_A_JOB = 1000;
const MOST_DRIFT_RUNS = 100;

/**
 * Measures a detector that knows the usual duration of every single run, how far runs scatter, how often and how far outliers lie,
 * that the change comes, in which direction and in what shape: only the moment it does not know. It adds up likelihood
 * ratios, over the best moment (CUSUM, generalised to shapes) or over exactly the time in which the change has to be found,
 * whichever finds more; its threshold makes as many false episodes as the bars allow.
 *
 * Source: Page: "Continuous inspection schemes", Biometrika 41, 1954, optimal by Moustakides (1986) for the first; Guépié, Fillatre,
 * Nikiforov: "Sequential detection of transient changes", Sequential Analysis 31, 2012, for the second.
 */
export function measureOracle(workload: Workload, options: OracleOptions): OracleFound {
  const doubled = (): number => Math.log(2);
  const perRun = (Math.log(1 + DRIFT.perDay) * workload.everyMinutes) / 1440;
  const driftRuns = Math.floor((DRIFT.days * 1440) / workload.everyMinutes) + 1;
  const found = (shape: (run: number) => number, within: number): number =>
    Math.max(...[false, true].map((isFixed) => shareFound(workload.sigma, shape, within, isFixed, options)));
  return {
    doubledWithin5: found(doubled, 5),
    doubledWithin8: found(doubled, 8),
    drift: driftRuns > MOST_DRIFT_RUNS ? undefined : found((run) => perRun * run, driftRuns),
  };
}

function shareFound(
  sigma: number,
  shape: (run: number) => number,
  within: number,
  isFixed: boolean,
  { healthyRuns, trials, seed, learntFrom = Infinity }: OracleOptions,
): number {
  const random = seeded(seed);
  const density = logDensity(sigma);
  const levelError = (): number => (learntFrom === Infinity ? 0 : (sigma * random.normal()) / Math.sqrt(learntFrom));
  const statistic = (runs: readonly number[], at: number): number =>
    sumOfRatios(density, shape, runs, at, within, isFixed);
  const healthy = healthyStatistics(healthyRuns, statistic, () => {
    const error = levelError();
    return () => error + noise(random, sigma);
  });
  const threshold = thresholdFor(healthy, FALSE_PER_RUN * healthyRuns);
  let found = 0;
  let judged = 0;
  for (let trial = 0; trial < trials; trial++) {
    const error = levelError();
    const change = (run: number): number => (run < within ? 0 : shape(run - within));
    const runs = Array.from({ length: 2 * within }, (_, run) => error + noise(random, sigma) + change(run));
    if (statistic(runs, within - 1) >= threshold) continue;
    judged++;
    for (let at = within; at < 2 * within; at++) {
      if (statistic(runs, at) < threshold) continue;
      found++;
      break;
    }
  }
  return found / judged;
}

/** The logarithm of how much likelier the last runs are if the change has come; of all rows that end now, or of the whole. */
function sumOfRatios(
  density: (value: number) => number,
  shape: (run: number) => number,
  runs: readonly number[],
  at: number,
  within: number,
  isFixed: boolean,
): number {
  const most = Math.min(within, at + 1);
  let best = -Infinity;
  for (let length = isFixed ? most : 1; length <= most; length++) {
    let sum = 0;
    for (let run = 0; run < length; run++) {
      const value = runs[at - length + 1 + run]!;
      sum += density(value - shape(run)) - density(value);
    }
    if (sum > best) best = sum;
  }
  return best;
}

function healthyStatistics(
  count: number,
  statistic: (runs: readonly number[], at: number) => number,
  newJob: () => () => number,
): number[] {
  const values: number[] = [];
  while (values.length < count) {
    const next = newJob();
    const runs = Array.from({ length: RUNS_OF_A_JOB }, next);
    for (let at = 0; at < runs.length; at++) values.push(statistic(runs, at));
  }
  return values;
}

/** The lowest threshold with no more episodes than allowed. */
function thresholdFor(values: readonly number[], mostEpisodes: number): number {
  let low = values.reduce((least, value) => Math.min(least, value), Infinity);
  let high = values.reduce((most, value) => Math.max(most, value), -Infinity) + 1;
  for (let round = 0; round < 40; round++) {
    const middle = (low + high) / 2;
    if (episodes(values, middle) > mostEpisodes) low = middle;
    else high = middle;
  }
  return high;
}

function episodes(values: readonly number[], threshold: number): number {
  let count = 0;
  let normal = RUNS_TO_END;
  for (const value of values) {
    const isAlarm = value >= threshold;
    if (isAlarm && normal >= RUNS_TO_END) count++;
    normal = isAlarm ? 0 : normal + 1;
  }
  return count;
}

function noise(random: Random, sigma: number): number {
  const [chance, size, normal] = [random.uniform(), random.uniform(), random.normal()];
  if (chance >= OUTLIERS.rate) return sigma * normal;
  const far = Math.log(OUTLIERS.least) + size * Math.log(OUTLIERS.most / OUTLIERS.least);
  return sigma * normal + (chance < OUTLIERS.rate * OUTLIERS.fastShare ? -far : far);
}

const REACH = 8;
const STEPS_A_UNIT = 500;

/** The logarithm of the density of `noise`, from a table. */
function logDensity(sigma: number): (value: number) => number {
  const table = Array.from({ length: 2 * REACH * STEPS_A_UNIT + 1 }, (_, index) =>
    Math.log(mixture(index / STEPS_A_UNIT - REACH, sigma)),
  );
  return (value) => table[Math.round((Math.max(-REACH, Math.min(REACH, value)) + REACH) * STEPS_A_UNIT)]!;
}

function mixture(value: number, sigma: number): number {
  const { rate, fastShare, least, most } = OUTLIERS;
  const usual = Math.exp(-0.5 * (value / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
  const [near, far] = [Math.log(least), Math.log(most)];
  const between = (from: number, to: number): number =>
    (normalShare((value - from) / sigma) - normalShare((value - to) / sigma)) / (to - from);
  const outlier = (1 - fastShare) * between(near, far) + fastShare * between(-far, -near);
  return Math.max(1e-300, (1 - rate) * usual + rate * outlier);
}

/** Share of a normal distribution below a value (Abramowitz and Stegun 26.2.17, to 7.5e-8). */
function normalShare(value: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(value));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const above = (Math.exp((-value * value) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return value >= 0 ? 1 - above : above;
}
