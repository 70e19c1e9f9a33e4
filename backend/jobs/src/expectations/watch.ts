import type { Clock } from '@clearway/kernel';

/** Further than this the two clocks of a machine do not drift apart by themselves. */
const JUMP_MS = 30_000;

/** Knows since when the clock could be relied on. */
export interface Watch {
  /** To be called at every look; a look that comes much too late counts as a gap. */
  look(): void;
  /** Since when there was neither a gap nor a jump, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/**
 * Notices when the wall clock was set, or the machine slept or hung: what was due in between could not be started by
 * anybody, so its grace begins when things go on.
 *
 * @param everyMs how often `look` is called
 */
export function startWatch(clock: Clock, everyMs: number): Watch {
  let sinceMs = clock.nowMs();
  let last = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  return {
    look() {
      const now = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
      const wallMs = now.wallMs - last.wallMs;
      const passedMs = now.monotonicMs - last.monotonicMs;
      if (Math.abs(wallMs - passedMs) > JUMP_MS || passedMs > everyMs + JUMP_MS) sinceMs = now.wallMs;
      last = now;
    },
    get sinceMs() {
      return sinceMs;
    },
  };
}
