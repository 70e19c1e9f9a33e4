/** What time it is: the only way for code with a schedule, a cache or a timeout to know, so that a test can own it. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970 (may step backwards when the system's clock is set). */
  nowMs(): number;
  /** Monotonic time in milliseconds since an arbitrary start: for durations. */
  monotonicMs(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  /** Moves both clocks forward by `ms`. */
  tick(ms: number): void;
  /** Sets the wall clock alone, as NTP or an operator does. */
  setWallClock(epochMs: number): void;
}

/**
 * Makes a clock for tests.
 *
 * @example
 * const clock = manualClock();
 * clock.tick(1000);
 */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let wallMs = startMs;
  let elapsedMs = 0;
  return {
    nowMs: () => wallMs,
    monotonicMs: () => elapsedMs,
    tick(ms) {
      wallMs += ms;
      elapsedMs += ms;
    },
    setWallClock(epochMs) {
      wallMs = epochMs;
    },
  };
}
