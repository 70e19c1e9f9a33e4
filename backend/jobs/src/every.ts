import { setTimeout as sleep } from 'node:timers/promises';

/** Work that repeats until it is stopped. */
export interface Repeating {
  /** Does the work soon, without waiting for its time. */
  nudge(): void;
  /** Resolves when the work that is being done has ended. */
  stop(): Promise<void>;
}

/**
 * Does some work every `intervalMs`, never twice at the same time. An error goes to `onProblem`, once for a row of them,
 * and the work goes on at the next turn.
 */
export function every(intervalMs: number, work: () => Promise<unknown>, onProblem: (error: Error) => void): Repeating {
  const abort = new AbortController();
  let nudge = new AbortController();
  let hasFailed = false;
  const loop = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      nudge = new AbortController();
      try {
        await work();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed && !abort.signal.aborted) onProblem(error as Error);
        hasFailed = true;
      }
      const signal = AbortSignal.any([abort.signal, nudge.signal]);
      await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  const done = loop();
  return {
    nudge: () => nudge.abort(),
    stop: () => {
      abort.abort();
      return done;
    },
  };
}
