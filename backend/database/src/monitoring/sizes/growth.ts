/** The size of a database at one time. */
export interface SizePoint {
  readonly atMs: number;
  readonly sizeBytes: number;
}

/** How fast a database grows. */
export interface Growth {
  readonly bytesPerDay: number;
  readonly overDays: number;
}

const DAY_MS = 86_400_000;
/** Less says more about the last hour's work than about growth. */
const MIN_SPAN_MS = 3_600_000;

/**
 * Growth by a straight line through the points (least squares).
 *
 * @returns undefined when they span less than an hour
 */
export function growthOf(points: readonly SizePoint[]): Growth | undefined {
  const [first] = points;
  const last = points.at(-1);
  if (!first || !last || last.atMs - first.atMs < MIN_SPAN_MS) return undefined;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const days = points.map(({ atMs }) => (atMs - first.atMs) / DAY_MS);
  const [meanDay, meanBytes] = [mean(days), mean(points.map(({ sizeBytes }) => sizeBytes))];
  const covariance = points.reduce(
    (sum, { sizeBytes }, i) => sum + ((days[i] ?? 0) - meanDay) * (sizeBytes - meanBytes),
    0,
  );
  const variance = days.reduce((sum, day) => sum + (day - meanDay) ** 2, 0);
  return {
    bytesPerDay: Math.round(covariance / variance),
    overDays: Math.round(((last.atMs - first.atMs) / DAY_MS) * 10) / 10,
  };
}

/** Days until a database has its quota; undefined when it does not grow or never gets there within ten years. */
export function daysUntil(
  quotaBytes: number | undefined,
  sizeBytes: number,
  growth: Growth | undefined,
): number | undefined {
  if (quotaBytes === undefined || !growth || growth.bytesPerDay <= 0) return undefined;
  const days = Math.max(0, quotaBytes - sizeBytes) / growth.bytesPerDay;
  return days > 3650 ? undefined : Math.round(days * 10) / 10;
}
