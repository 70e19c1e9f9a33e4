import { setTimeout as sleep } from 'node:timers/promises';

/** Work that is done again and again until it is stopped. */
export interface Repeated {
  /** Does it now instead of at its time. */
  wake(): void;
  /** Ends the work under way by its signal, and waits for it. */
  stop(): Promise<void>;
}

/**
 * Does work, rests, and does it again. What the work throws goes to `onError`: the next round comes all the same.
 *
 * @param work is given a signal that ends it
 * @param restMs asked after each round: how long to rest, in milliseconds
 * @example
 * const passes = repeat((signal) => monitor.pass(signal), { restMs: () => 30_000, onError: log });
 * lifecycle.onRelease('integrity', () => passes.stop());
 */
export function repeat(
  work: (signal: AbortSignal) => Promise<unknown>,
  options: { restMs: () => number; onError: (error: unknown) => void },
): Repeated {
  const end = new AbortController();
  let rest = new AbortController();
  const run = async (): Promise<void> => {
    while (!end.signal.aborted) {
      rest = new AbortController();
      await work(end.signal).catch(options.onError);
      const signal = AbortSignal.any([end.signal, rest.signal]);
      await sleep(options.restMs(), undefined, { signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    wake: () => rest.abort(),
    async stop() {
      end.abort();
      await running;
    },
  };
}
