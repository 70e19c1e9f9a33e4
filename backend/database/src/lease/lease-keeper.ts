import { systemClock, type Clock } from '@clearway/kernel';
import { acquireLease, releaseLease, type Lease, type LeaseRequest, type Queryable } from './lease.ts';

/** Whose the lease is: ours, another process's, or not known since the database does not answer. */
export type LeaseState = 'held' | 'elsewhere' | 'unreachable';

/** How a lease is kept. */
export interface LeaseKeeperOptions extends LeaseRequest {
  readonly database: Queryable;
  /** How long the database may take to answer, in milliseconds. Default 2000. */
  readonly answerLimitMs?: number;
  /** Hears of every change, and of who had the lease before. */
  readonly onChange?: (state: LeaseState, lease: Lease | undefined) => void;
  readonly clock?: Clock;
}

/**
 * Keeps a lease for work that has to go on when the database is down: whoever holds it works, nobody else does, and
 * while the database does not answer everybody does.
 *
 * @example
 * const keeper = new LeaseKeeper({ database: pool, name: 'database-monitor', holder: leaseHolder(), ttlMs: 30_000 });
 * if ((await keeper.check()) !== 'elsewhere') await look();
 * lifecycle.onRelease('lease', () => keeper.close());
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #clock: Clock;
  #state: LeaseState | undefined;
  #lease: Lease | undefined;
  /** Monotonic time at which the last renewal was asked for: the server counted from then on or later. */
  #renewedAtMs = -Infinity;
  #checking: Promise<LeaseState> | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** What the last check found; undefined before the first. */
  get state(): LeaseState | undefined {
    return this.#state;
  }

  /** Grows with every change of hands; undefined while it is not held. */
  get token(): number | undefined {
    return this.#state === 'held' ? this.#lease?.token : undefined;
  }

  /** Takes or renews the lease when a third of its time is over. Never throws. */
  check(): Promise<LeaseState> {
    const isFresh = this.#clock.monotonicMs() - this.#renewedAtMs < this.#options.ttlMs / 3;
    if (this.#state === 'held' && isFresh) return Promise.resolve('held');
    this.#checking ??= this.#ask().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  /** Gives the lease back. */
  async close(): Promise<void> {
    await this.#checking;
    if (this.#state !== 'held') return;
    const { database, name, holder } = this.#options;
    this.#state = undefined;
    await this.#within(releaseLease(database, name, holder)).catch(() => undefined);
  }

  async #ask(): Promise<LeaseState> {
    const askedAtMs = this.#clock.monotonicMs();
    try {
      const lease = await this.#within(acquireLease(this.#options.database, this.#options));
      if (lease) this.#renewedAtMs = askedAtMs;
      return this.#become(lease ? 'held' : 'elsewhere', lease);
    } catch {
      // the one it was held by last cannot renew it either; its time runs out by the server's clock
      return this.#become('unreachable', undefined);
    }
  }

  #become(state: LeaseState, lease: Lease | undefined): LeaseState {
    const changed = state !== this.#state;
    this.#state = state;
    this.#lease = lease;
    if (changed) this.#options.onChange?.(state, lease);
    return state;
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), this.#options.answerLimitMs ?? 2000);
    });
    try {
      return await Promise.race([work, limit]);
    } finally {
      clearTimeout(timer);
    }
  }
}
