import { huberScale } from './robust.ts';
import { isSecond } from './samples.ts';

const LEAST_PAIRS = 10;
/** Standard errors from which a likeness is not chance. */
const SURE = 2.5;
const MOST = 0.9;

/**
 * How far a run resembles the one before it, from the scales of their sums and differences. 0 where it could be chance, else
 * at the upper end: too few episodes are the smaller fault.
 *
 * Source: Gnanadesikan, Kettenring: "Robust estimates, residuals, and outlier detection", Biometrics 28, 1972.
 *
 * @param residuals of samples, in pairs of neighbours
 */
export function correlationOf(residuals: readonly number[]): number {
  const pairs = residuals.flatMap((second, index) =>
    isSecond(index) ? [[residuals[index - 1]!, second] as const] : [],
  );
  if (pairs.length < LEAST_PAIRS) return 0;
  const variance = (values: readonly number[]): number => huberScale(values, 0) ** 2;
  const sums = variance(pairs.map(([first, second]) => first + second));
  const differences = variance(pairs.map(([first, second]) => first - second));
  if (sums + differences === 0) return 0;
  const estimate = (sums - differences) / (sums + differences);
  const error = 1 / Math.sqrt(pairs.length);
  return estimate < SURE * error ? 0 : Math.min(MOST, estimate + error);
}

/** How much neighbours that are alike widen the error of a long mean (autoregression of the first order). */
export const spread = (correlation: number): number => (1 + correlation) / (1 - correlation);
