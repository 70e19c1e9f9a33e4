import type { Baseline, ItemsModel } from './types.ts';

const DAY_SECONDS = 86_400;
/** With so many columns a cycle has steps, and a step is known to within some minutes only. */
const STEEP_COLUMNS = 6;
const TOLERANCE_SECONDS = 1800;
/** Where nobody said in which time zone the hours are, the steps come an hour earlier or later for half of the year. */
const TOLERANCE_WITHOUT_ZONE_SECONDS = 3600;
export const NO_ZONE = 'UTC';
/** No number of items makes a run take less than this part of the usual. */
const LEAST_PART = 1e-3;

/** Columns of the daily cycle at a time of day: a cosine and a sine a harmonic. */
export function cycleColumns(secondsOfDay: number, harmonics: number): number[] {
  const columns: number[] = [];
  for (let harmonic = 1; harmonic <= harmonics; harmonic++) {
    const angle = (2 * Math.PI * harmonic * secondsOfDay) / DAY_SECONDS;
    columns.push(Math.cos(angle), Math.sin(angle));
  }
  return columns;
}

/** Logarithm of how a number of items changes the usual duration. */
export function itemsTerm(fixedShare: number, items: number, usual: number): number {
  return Math.log(Math.max(LEAST_PART, fixedShare + ((1 - fixedShare) * items) / usual));
}

/** When a run was: seconds since midnight in the time zone of its job. */
export interface TimeOfDay {
  readonly secondsOfDay: number;
  /** `NO_ZONE` when the job names none. */
  readonly timeZone: string;
}

/**
 * Logarithm of a run's duration against what was expected of it, and the deviation that is usual for such runs.
 *
 * What is expected may be a range, inside which a run is as expected: for numbers of items beyond those learnt, from what
 * the outermost one takes to what the straight line says; where the day has steps, all within half an hour, or an hour
 * where no time zone is known.
 */
export function compare(
  baseline: Baseline,
  logMs: number,
  items: number | undefined,
  { secondsOfDay, timeZone }: TimeOfDay,
): { logRatio: number; sigma: number } {
  const { items: model } = baseline;
  const isWithout = model !== null && items === undefined;
  const rest = logMs - (isWithout ? model.levelWithout : baseline.level);
  const sigma = isWithout ? model.sigmaWithout : baseline.sigma;
  const forItems = model && items !== undefined ? itemsRange(model, items) : [0];
  const forHour = cycleRange(baseline.cycle, secondsOfDay, timeZone);
  const overLeast = rest - Math.min(...forItems) - Math.min(...forHour);
  const overMost = rest - Math.max(...forItems) - Math.max(...forHour);
  return { logRatio: overLeast < 0 ? overLeast : Math.max(0, overMost), sigma };
}

function itemsRange({ fixedShare, usual, least, most }: ItemsModel, items: number): number[] {
  const known = Math.min(most, Math.max(least, items));
  return [itemsTerm(fixedShare, known, usual), itemsTerm(fixedShare, items, usual)];
}

function cycleRange(cycle: readonly number[], secondsOfDay: number, timeZone: string): number[] {
  if (cycle.length === 0) return [0];
  const tolerance = timeZone === NO_ZONE ? TOLERANCE_WITHOUT_ZONE_SECONDS : TOLERANCE_SECONDS;
  const offsets = cycle.length < STEEP_COLUMNS ? [0] : [-tolerance, 0, tolerance];
  return offsets.map((offset) => sumOfProducts(cycleColumns(secondsOfDay + offset, cycle.length / 2), cycle));
}

const sumOfProducts = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);
