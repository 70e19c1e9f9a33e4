import { backoffMs } from '@clearway/kernel';
import { isIP, isIPv6, type LookupFunction } from 'node:net';
import type { UpstreamListener } from '../upstream-events.ts';
import { NameNotFoundError, type Query, type Resolution } from './query.ts';

/** Bounds on what a server may say about how long its answer holds, in seconds. */
const MIN_TTL_SECONDS = 1;
const MAX_TTL_SECONDS = 3600;
const RETRY = { baseMs: 1000, maxMs: 30_000 } as const;
/** A name that is not known is asked for at most so often, however many requests need it. */
const UNKNOWN_MS = 1000;

/** Told of the addresses of a name when they are not those that it had. */
export type AddressListener = (addresses: readonly string[]) => void;

/** What is known of a name. */
export interface NameStatus {
  readonly addresses: readonly string[];
  /** Until when they hold, in milliseconds since 1970; in the past while they cannot be renewed. */
  readonly expiresAtMs: number | undefined;
  /** Why the last query failed. */
  readonly error: string | undefined;
}

interface Entry {
  addresses: readonly string[];
  expiresAtMs: number | undefined;
  /** On the monotonic clock, when they were last confirmed. */
  confirmedAtMs: number;
  error: Error | undefined;
  /** In a row, and when the last was, on the monotonic clock. */
  failures: number;
  failedAtMs: number;
  pending: Promise<void> | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Which address comes first next time. */
  turn: number;
  readonly listeners: Set<AddressListener>;
}

/**
 * The addresses of the targets' names. A name is asked for when it is first needed, and again whenever its time to live
 * is over, while it is in use: a connection that is kept open would otherwise never notice that a name has moved. What
 * was known stays in use while DNS fails, for at most `staleMs` (RFC 8767); that a name does not exist is an answer, too.
 */
export class Names {
  readonly #query: Query;
  readonly #staleMs: number;
  readonly #onEvent: UpstreamListener;
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  /**
   * @param staleMs how long addresses are used that cannot be renewed
   * @param onEvent told when a name moves, can no longer be resolved, or can be again
   */
  constructor(query: Query, staleMs: number, onEvent: UpstreamListener = () => {}) {
    this.#query = query;
    this.#staleMs = staleMs;
    this.#onEvent = onEvent;
  }

  /**
   * Keeps a name in use and hears when its addresses change.
   *
   * @returns ends it
   */
  watch(name: string, listener: AddressListener): () => void {
    const entry = this.#entryOf(name);
    entry.listeners.add(listener);
    return () => {
      entry.listeners.delete(listener);
      if (entry.listeners.size > 0) return;
      clearTimeout(entry.timer);
      this.#entries.delete(name);
    };
  }

  /** What is known of a name; undefined of one that is not in use. */
  status(name: string): NameStatus | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    const { addresses, expiresAtMs, error } = entry;
    return { addresses, expiresAtMs, error: error?.message };
  }

  /** Whether a name is waited for because nothing is known of it yet. */
  isPending(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry?.pending !== undefined && entry.addresses.length === 0;
  }

  /** For `net.connect`: all addresses, another one first each time, so that connections spread over them. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.#resolved(name).then(
      (addresses) => {
        const wanted = options.family === 4 || options.family === 6 ? options.family : undefined;
        const all = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
        const usable = wanted === undefined ? all : all.filter(({ family }) => family === wanted);
        const [first] = usable;
        if (first === undefined) callback(new NameNotFoundError(`the name ${name} has no such address`), '');
        else if (options.all) callback(null, usable);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };

  /** Ends all queries and forgets everything. */
  close(): void {
    this.#isClosed = true;
    this.#query.cancel();
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
    this.#entries.clear();
  }

  async #resolved(name: string): Promise<readonly string[]> {
    const entry = this.#entryOf(name);
    if (entry.addresses.length === 0 && performance.now() - entry.failedAtMs > UNKNOWN_MS) {
      entry.pending ??= this.#renew(name, entry);
    }
    if (entry.addresses.length === 0) await entry.pending;
    if (entry.addresses.length === 0) throw entry.error ?? new Error(`the name ${name} was not resolved`);
    const turn = entry.turn++ % entry.addresses.length;
    return [...entry.addresses.slice(turn), ...entry.addresses.slice(0, turn)];
  }

  #entryOf(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = {
        addresses: [],
        expiresAtMs: undefined,
        confirmedAtMs: 0,
        error: undefined,
        failures: 0,
        failedAtMs: -Infinity,
        pending: undefined,
        timer: undefined,
        turn: 0,
        listeners: new Set(),
      };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  async #renew(name: string, entry: Entry): Promise<void> {
    try {
      this.#renewed(name, entry, await this.#query(name));
    } catch (error) {
      this.#failed(name, entry, error as Error);
    } finally {
      entry.pending = undefined;
    }
  }

  #renewed(name: string, entry: Entry, { addresses, ttlSeconds }: Resolution): void {
    const ttlMs = Math.min(Math.max(ttlSeconds, MIN_TTL_SECONDS), MAX_TTL_SECONDS) * 1000;
    const hadFailed = entry.failures > 0;
    const before = entry.addresses;
    entry.error = undefined;
    entry.failures = 0;
    entry.expiresAtMs = Date.now() + ttlMs;
    entry.confirmedAtMs = performance.now();
    this.#setAddresses(entry, addresses);
    if (hadFailed) this.#onEvent({ kind: 'name-recovered', name, addresses });
    else if (before.length > 0 && entry.addresses !== before) {
      this.#onEvent({ kind: 'name-moved', name, before, addresses });
    }
    this.#renewAfter(name, entry, ttlMs);
  }

  #failed(name: string, entry: Entry, error: Error): void {
    entry.error = error;
    entry.failures++;
    entry.failedAtMs = performance.now();
    const isStale = performance.now() - entry.confirmedAtMs > this.#staleMs;
    if (error instanceof NameNotFoundError || isStale) entry.addresses = [];
    if (entry.failures === 1) {
      this.#onEvent({ kind: 'name-failed', name, cause: error.message, addresses: entry.addresses });
    }
    // a name that is not known is asked for again when a request needs it
    if (entry.addresses.length > 0)
      this.#renewAfter(name, entry, MIN_TTL_SECONDS * 1000 + backoffMs(entry.failures, RETRY));
  }

  #setAddresses(entry: Entry, addresses: readonly string[]): void {
    const isSame = entry.addresses.length === addresses.length && addresses.every((a) => entry.addresses.includes(a));
    if (isSame) return;
    entry.addresses = addresses;
    for (const listener of entry.listeners) listener(addresses);
  }

  #renewAfter(name: string, entry: Entry, ms: number): void {
    clearTimeout(entry.timer);
    if (this.#isClosed || entry.listeners.size === 0) return;
    entry.timer = setTimeout(() => {
      entry.pending ??= this.#renew(name, entry);
    }, ms).unref();
  }
}

/** Whether a host is to be resolved: no address, in brackets or not. */
export function isName(host: string): boolean {
  return isIP(host) === 0 && !host.startsWith('[');
}
