/** What a series of slices comes to. */
export interface Summary {
  readonly median: number;
  /** Of times: the slices that were disturbed least. */
  readonly lowerQuartile: number;
  readonly least: number;
  readonly most: number;
}

/**
 * The value below which the share `q` of the values lies, between two values by their distance (R's type 7).
 *
 * @throws RangeError without values
 */
export function quantile(values: Iterable<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) throw new RangeError('no values');
  return below + (above - below) * (at - Math.floor(at));
}

/** Summarises a series. */
export function summarise(values: readonly number[]): Summary {
  return {
    median: quantile(values, 0.5),
    lowerQuartile: quantile(values, 0.25),
    least: quantile(values, 0),
    most: quantile(values, 1),
  };
}

/** Rounds to significant digits, so that results do not promise more than was measured. */
export function significant(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}
