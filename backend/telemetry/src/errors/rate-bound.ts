/** Keys that are remembered at most; further ones share one budget, so that made-up keys cannot fill the memory. */
const MAX_KEYS = 1000;
const SHARED = '\u0000shared';

/**
 * Lets one event a key through in each interval, so that an outage does not flood the error tracker; counts the rest.
 */
export class RateBound {
  readonly #intervalMs: number;
  readonly #nowMs: () => number;
  readonly #keys = new Map<string, { nextMs: number; held: number }>();

  constructor(intervalMs: number, nowMs: () => number = () => performance.now()) {
    this.#intervalMs = intervalMs;
    this.#nowMs = nowMs;
  }

  /** The number of events that were held back since the last one that passed, or undefined when this one is held. */
  pass(key: string): number | undefined {
    const entry = this.#entry(key);
    const now = this.#nowMs();
    if (now < entry.nextMs) {
      entry.held++;
      return undefined;
    }
    const { held } = entry;
    entry.held = 0;
    entry.nextMs = now + this.#intervalMs;
    return held;
  }

  #entry(key: string): { nextMs: number; held: number } {
    const name = this.#keys.has(key) || this.#keys.size < MAX_KEYS ? key : SHARED;
    let entry = this.#keys.get(name);
    if (!entry) {
      entry = { nextMs: -Infinity, held: 0 };
      this.#keys.set(name, entry);
    }
    return entry;
  }
}
