import type { BaselineState, Emptiness, ObservedRun } from './types.ts';

export const NO_EMPTINESS: Emptiness = { runs: 0, empty: 0, longest: 0, row: 0, sinceId: '', sinceMs: 0 };

const LEAST_RUNS = 10;
/** A row this improbable, from what was learnt, is reported. */
const CHANCE = 0.001;
/** One empty run may be a day without work. */
const LEAST_ROW = 2;
/** A job that finds nothing to do this often is not judged. */
const USUALLY_EMPTY = 0.5;

/** A run that says that it had nothing to work through. */
export const isEmptyRun = (run: ObservedRun): boolean => run.itemsProcessed === 0;

/** Counts the present row of empty runs, and while learning how often and how long there is nothing to do. */
export function countEmpty({ emptiness, phase }: BaselineState, run: ObservedRun): Emptiness {
  if (run.itemsProcessed === undefined) return emptiness;
  if (isEmptyRun(run)) {
    const first = emptiness.row === 0 ? { sinceId: run.id, sinceMs: run.startedAtMs } : {};
    return { ...emptiness, row: emptiness.row + 1, ...first };
  }
  const { runs, empty, longest, row } = emptiness;
  if (phase === 'frozen') return { ...emptiness, row: 0 };
  return { ...emptiness, runs: runs + row + 1, empty: empty + row, longest: Math.max(longest, row), row: 0 };
}

/** Whether there have been more empty runs in a row than chance and the past explain. */
export function isSuspiciouslyEmpty(emptiness: Emptiness): boolean {
  const { runs, empty, longest, row } = emptiness;
  if (runs < LEAST_RUNS || row < LEAST_ROW) return false;
  const share = (empty + 0.5) / (runs + 1);
  if (share > USUALLY_EMPTY) return false;
  return row > 1.5 * longest && row >= Math.log(CHANCE) / Math.log(share);
}

/** Takes the present row as usual. */
export const acceptEmptiness = (emptiness: Emptiness): Emptiness => {
  const { runs, empty, longest, row } = emptiness;
  return { ...emptiness, runs: runs + row, empty: empty + row, longest: Math.max(longest, row), row: 0 };
};
