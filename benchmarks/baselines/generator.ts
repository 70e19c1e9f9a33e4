import { seeded } from './random.ts';
import type { ObservedRun } from '../../backend/jobs/src/baselines/types.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A kind of job, as far as durations go. */
export interface Workload {
  readonly name: string;
  /** Standard deviation of the logarithm of the duration. */
  readonly sigma: number;
  readonly everyMinutes: number;
  /** How the expected duration swings over the day: not, by ±30 % as a sine, or 30 % more from 8 to 18 and less else. */
  readonly cycle: 'none' | 'sine' | 'office';
  /** The time zone that the job names; none when it is left out. */
  readonly timeZone?: string;
  /** Correlation of the logarithms of neighbours. */
  readonly correlation?: number;
  /** Items vary by this deviation of their logarithm, and 70 % of the usual duration goes with them. */
  readonly itemsSigma?: number;
}

/** What is wrong from a moment on. */
export interface Change {
  readonly fromMs: number;
  readonly factor?: number;
  readonly driftPerDay?: number;
}

export const OUTLIERS = { rate: 0.01, least: 3, most: 20, fastShare: 0.25 };
export const CYCLE = { swing: 0.3 };
const START_MS = Date.UTC(2026, 2, 2);

/**
 * The runs of one job, without end: lognormal, 1 % outliers (3 to 20 times as long, a quarter of them as short), at times
 * that jitter by a tenth.
 *
 * @param change makes the same runs slower or faster from a moment on
 */
export function* generate(workload: Workload, seed: number, change?: Change): Generator<ObservedRun> {
  const random = seeded(seed);
  const gapMs = workload.everyMinutes * 60_000;
  const startMs = START_MS + random.uniform() * DAY_MS;
  const phase = random.uniform();
  const typicalMs = 10 ** (2 + 3 * random.uniform());
  const { correlation = 0, itemsSigma } = workload;
  let noise = random.normal();
  for (let index = 0; ; index++) {
    const startedAtMs = Math.round(startMs + (index + (random.uniform() - 0.5) * 0.1) * gapMs);
    noise = correlation * noise + Math.sqrt(1 - correlation ** 2) * random.normal();
    const outlier = outlierFactor(random.uniform(), random.uniform());
    const load = Math.exp((itemsSigma ?? 0) * random.normal());
    const factor = ofDay(workload.cycle, startedAtMs, phase) * outlier * changed(change, startedAtMs);
    const items = itemsSigma === undefined ? {} : { itemsProcessed: Math.max(1, Math.round(1000 * load)) };
    const share = itemsSigma === undefined ? 1 : 0.3 + 0.7 * load;
    yield {
      id: String(index),
      startedAtMs,
      durationMs: typicalMs * factor * share * Math.exp(workload.sigma * noise),
      ...items,
    };
  }
}

function outlierFactor(chance: number, size: number): number {
  if (chance >= OUTLIERS.rate) return 1;
  const factor = OUTLIERS.least * (OUTLIERS.most / OUTLIERS.least) ** size;
  return chance < OUTLIERS.rate * OUTLIERS.fastShare ? 1 / factor : factor;
}

function ofDay(cycle: Workload['cycle'], atMs: number, phase: number): number {
  if (cycle === 'none') return 1;
  const day = (atMs / DAY_MS + phase) % 1;
  const high = cycle === 'sine' ? Math.sin(2 * Math.PI * day) : day > 8 / 24 && day < 18 / 24 ? 1 : -1;
  return 1 + CYCLE.swing * high;
}

function changed(change: Change | undefined, atMs: number): number {
  if (!change || atMs < change.fromMs) return 1;
  return (change.factor ?? 1) * (1 + (change.driftPerDay ?? 0)) ** ((atMs - change.fromMs) / DAY_MS);
}
