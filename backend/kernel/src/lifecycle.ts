import { systemClock, type Clock } from './clock.ts';

/** What became of one release. */
export interface ReleaseOutcome {
  readonly name: string;
  readonly durationMs: number;
  /** Set when the release failed or was given up. */
  readonly error?: Error;
}

/**
 * The releases of everything that a process opened, each registered on the line that opened it and run in reverse.
 * A release that fails or hangs does not keep the others from running.
 *
 * @example
 * const lifecycle = new Lifecycle();
 * const server = await listen(app, port);
 * lifecycle.onRelease('public listener', () => server.drain());
 * await lifecycle.release();
 */
export class Lifecycle {
  readonly #releases: { name: string; release: () => unknown; limitMs: number }[] = [];
  readonly #clock: Clock;
  #released: Promise<ReleaseOutcome[]> | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Whether `release` was called. */
  get releasing(): boolean {
    return this.#released !== undefined;
  }

  /**
   * Registers a release.
   *
   * @param name what is released, for the log
   * @param release may return a promise
   * @param limitMs how long it may take before the next one runs all the same
   */
  onRelease(name: string, release: () => unknown, limitMs = 10_000): void {
    this.#releases.push({ name, release, limitMs });
  }

  /** Runs all releases, last registered first; a second call returns the first one's outcome. */
  release(): Promise<ReleaseOutcome[]> {
    this.#released ??= this.#run();
    return this.#released;
  }

  async #run(): Promise<ReleaseOutcome[]> {
    const outcomes: ReleaseOutcome[] = [];
    for (let entry = this.#releases.pop(); entry; entry = this.#releases.pop()) {
      const startMs = this.#clock.monotonicMs();
      const error = await settleWithin(entry.release, entry.limitMs);
      const durationMs = this.#clock.monotonicMs() - startMs;
      outcomes.push({ name: entry.name, durationMs, ...(error && { error }) });
    }
    return outcomes;
  }
}

/** Runs `work` and resolves to its error, or to undefined when it succeeded within `limitMs`. */
async function settleWithin(work: () => unknown, limitMs: number): Promise<Error | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error(`gave up after ${limitMs} ms`)), limitMs);
  });
  try {
    const done = Promise.resolve()
      .then(work)
      .then(() => undefined);
    return await Promise.race([done, limit]);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}
