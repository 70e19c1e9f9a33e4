import { systemClock, type Clock } from '@clearway/kernel';

/** Something that is done again and again. */
export interface PassTimer {
  /** Lets the one under way finish, and starts no other. */
  close(): Promise<void>;
}

/**
 * Does something every so often, the first time at once, never twice at a time: when it takes longer than its interval
 * the next one is due by the interval after. An error is told and changes nothing.
 *
 * @param everyMs between two beginnings
 */
export function startTimer(
  everyMs: number,
  work: () => Promise<unknown>,
  options: { readonly onError: (error: unknown) => void; readonly clock?: Clock },
): PassTimer {
  const clock = options.clock ?? systemClock;
  const startMs = clock.monotonicMs();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let isClosed = false;
  const tick = (): void => {
    running = Promise.resolve()
      .then(work)
      .catch(options.onError)
      .then(() => {
        if (isClosed) return;
        const elapsedMs = clock.monotonicMs() - startMs;
        timer = setTimeout(tick, everyMs - (elapsedMs % everyMs));
      });
  };
  tick();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      return running;
    },
  };
}
