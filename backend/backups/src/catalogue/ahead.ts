/** Clocks of machines that work together differ by less. */
const TOLERANCE_MS = 3_600_000;

/** Whether a time that was written down lies in the future: the clock that it came from was wrong. */
export const isAhead = (atMs: number, nowMs: number): boolean => atMs - nowMs > TOLERANCE_MS;

/** Puts what lies in the future before all others, as if it were the oldest, so that it hides nothing newer. */
export function aheadFirst<T>(inOrder: readonly T[], atMs: (one: T) => number, nowMs: number): T[] {
  const { ahead = [], others = [] } = Object.groupBy(inOrder, (one) =>
    isAhead(atMs(one), nowMs) ? 'ahead' : 'others',
  );
  return [...ahead, ...others];
}
