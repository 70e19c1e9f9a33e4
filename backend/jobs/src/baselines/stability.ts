import { correlationOf, spread } from './neighbours.ts';
import { robustFit } from './robust.ts';
import type { Samples } from './types.ts';

/** A growth by less over all that was learnt from, or by less than chance would make it, is none. */
const STABLE_RATIO = 1.15;
const SURE = 3;

/** Whether a job held still while it was learnt: a straight line through what is left of its durations is level. */
export function isStable({ list }: Samples, residuals: readonly number[]): boolean {
  const [first, last] = [list[0]![0], list.at(-1)![0]];
  const position = (atSeconds: number): number => (atSeconds - first) / (last - first || 1) - 0.5;
  const line = robustFit(
    list.map(([atSeconds]) => [1, position(atSeconds)]),
    residuals,
  );
  const growth = Math.abs(line.coefficients[1]!);
  // the slope of evenly spread points has twelve times the variance of their mean
  const error = line.scale * Math.sqrt((12 / list.length) * spread(correlationOf(line.residuals)));
  return growth < Math.log(STABLE_RATIO) || growth < SURE * error;
}
