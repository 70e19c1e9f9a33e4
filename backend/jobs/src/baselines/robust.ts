/** Statistics that one wild value cannot move far. */

/** The middle value; of an even number of values the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value below which a part of all lies (linear between neighbours). NaN of none. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(position)]!;
  return below + (sorted[Math.ceil(position)]! - below) * (position - Math.floor(position));
}

/** At 1.5 standard deviations Huber's weights lose 4 % of precision on clean data and bound what an outlier moves. */
const HUBER = 1.5;
/** The mean square of a normal value that was cut at HUBER: makes the scale below right for clean data. */
const HUBER_VARIANCE = 0.7785;
const ROUNDS = 12;

/** From the median of the absolute deviations to a standard deviation of normal data. */
const MAD_TO_DEVIATION = 1.4826;

/** A standard deviation from the median of the absolute values: for values around 0. */
export const medianScale = (values: readonly number[]): number => MAD_TO_DEVIATION * median(values.map(Math.abs));

/**
 * Standard deviation of residuals around 0, by Huber's proposal 2: nearly as precise as the usual one, and not moved
 * far by outliers.
 *
 * @param values residuals
 * @param parameters how many were fitted to get them
 */
export function huberScale(values: readonly number[], parameters: number): number {
  let scale = medianScale(values) || Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  if (!(scale > 0)) return 0;
  const freedom = Math.max(1, values.length - parameters);
  for (let round = 0; round < ROUNDS; round++) {
    const limit = HUBER * scale;
    const squares = values.reduce((sum, value) => sum + Math.min(value * value, limit * limit), 0);
    scale = Math.sqrt(squares / (freedom * HUBER_VARIANCE));
  }
  return scale;
}

/** A straight fit: what each column is multiplied by, what is left of each value, and its scale. */
export interface Fit {
  readonly coefficients: readonly number[];
  readonly residuals: readonly number[];
  readonly scale: number;
}

/**
 * Fits values as a sum of columns, by least squares repeated with Huber's weights.
 *
 * @param rows one entry a column for each value
 */
export function robustFit(rows: readonly (readonly number[])[], values: readonly number[]): Fit {
  let weights = values.map(() => 1);
  let fit = weighted(rows, values, weights);
  for (let round = 0; round < ROUNDS; round++) {
    const limit = HUBER * (medianScale(fit.residuals) || 1);
    weights = fit.residuals.map((residual) => Math.min(1, limit / Math.abs(residual || 1e-12)));
    fit = weighted(rows, values, weights);
  }
  return { ...fit, scale: huberScale(fit.residuals, rows[0]!.length) };
}

function weighted(rows: readonly (readonly number[])[], values: readonly number[], weights: readonly number[]) {
  const columns = rows[0]!.length;
  const matrix = Array.from({ length: columns }, (_, i) =>
    Array.from({ length: columns + 1 }, (_, j) => (i === j ? 1e-6 : 0)),
  );
  rows.forEach((row, index) => {
    for (let i = 0; i < columns; i++) {
      const scaled = weights[index]! * row[i]!;
      for (let j = 0; j < columns; j++) matrix[i]![j]! += scaled * row[j]!;
      matrix[i]![columns]! += scaled * values[index]!;
    }
  });
  const coefficients = solve(matrix);
  const residuals = values.map(
    (value, index) => value - rows[index]!.reduce((sum, entry, column) => sum + entry * coefficients[column]!, 0),
  );
  return { coefficients, residuals };
}

/** Gauss-Jordan with pivots; the ridge above keeps the matrix regular. */
function solve(matrix: number[][]): number[] {
  const size = matrix.length;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++)
      if (Math.abs(matrix[row]![column]!) > Math.abs(matrix[pivot]![column]!)) pivot = row;
    [matrix[column], matrix[pivot]] = [matrix[pivot]!, matrix[column]!];
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = matrix[row]![column]! / matrix[column]![column]!;
      for (let at = column; at <= size; at++) matrix[row]![at]! -= factor * matrix[column]![at]!;
    }
  }
  return matrix.map((row, index) => row[size]! / row[index]!);
}
