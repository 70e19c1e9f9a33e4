import { median } from './robust.ts';
import type { ObservedRun, Sample, Samples } from './types.ts';

/** So many fit into 8 KB beside the rest. */
const MOST_SAMPLES = 240;
const FIRST_SPACING_SECONDS = 1;

/**
 * Keeps a run for learning. When the room is full every other pair goes and the pairs that follow are taken twice as far
 * apart, so that a job of every minute is learnt from over days as well. Runs are kept in pairs of neighbours: these show
 * how far one run resembles the next.
 */
export function keep(samples: Samples | null, run: ObservedRun): Samples {
  const { startMs, spacingSeconds, list } = samples ?? emptyAt(run.startedAtMs);
  const atSeconds = Math.round((run.startedAtMs - startMs) / 1000);
  const isNext = isSecond(list.length);
  if (!isNext && list.length > 0 && atSeconds - list.at(-2)![0] < spacingSeconds) return samples!;
  const milliLogMs = Math.round(logarithmMs(run.durationMs) * 1000);
  const { itemsProcessed } = run;
  const sample: Sample =
    itemsProcessed === undefined ? [atSeconds, milliLogMs] : [atSeconds, milliLogMs, itemsProcessed];
  const longer: Sample[] = [...list, sample];
  if (longer.length < MOST_SAMPLES) return { startMs, spacingSeconds, list: longer };
  return { startMs, spacingSeconds: widen(spacingSeconds, longer), list: everyOtherPair(longer) };
}

/** Whether the sample with this index followed the one before it. */
export const isSecond = (index: number): boolean => index % 2 === 1;

/** Natural logarithm of a duration; what is too short to be measured counts as 10 microseconds. */
export const logarithmMs = (durationMs: number): number => Math.log(Math.max(durationMs, 0.01));

const emptyAt = (startMs: number): Samples => ({ startMs, spacingSeconds: FIRST_SPACING_SECONDS, list: [] });

/** From now on so that the room lasts for as long again as it did so far. */
function widen(spacingSeconds: number, list: readonly Sample[]): number {
  const spanSeconds = list.at(-1)![0] - list[0]![0];
  return Math.max(spacingSeconds * 2, Math.round((4 * spanSeconds) / list.length));
}

const everyOtherPair = (list: readonly Sample[]): Sample[] => list.filter((_, index) => index % 4 < 2);

/** The newer half: what remains when the older one no longer holds. */
export function newerHalf(samples: Samples): Samples {
  const from = samples.list.length >> 1;
  return { ...samples, list: samples.list.slice(from + (from % 2)) };
}

/** Days from the first to the last sample. */
export const spanDays = ({ list }: Samples): number => ((list.at(-1)?.[0] ?? 0) - (list[0]?.[0] ?? 0)) / 86_400;

/** The usual time between two runs. */
export function gapSeconds({ list }: Samples): number {
  const gaps = list.flatMap(([at], index) => (isSecond(index) ? [at - list[index - 1]![0]] : []));
  return gaps.length === 0 ? 0 : median(gaps);
}
