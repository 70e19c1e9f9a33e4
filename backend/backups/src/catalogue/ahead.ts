/** Clocks of machines that work together differ by less. */
const TOLERANCE_MS = 3_600_000;

/** Whether a time that was written down lies in the future: the clock that it came from was wrong. */
export const isAhead = (atMs: number, nowMs: number): boolean => atMs - nowMs > TOLERANCE_MS;
