import type { Delivery } from '../record/delivery.ts';

/** A trace that stands for a bucket. */
export interface Exemplar {
  readonly labelSet: { readonly trace_id: string };
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/** A bucket takes a new exemplar at most so often, so that it costs nothing on most requests. */
const INTERVAL_MS = 1000;
/** Shown no longer than this: stores remove the oldest traces first. */
const MAX_AGE_MS = 600_000;

/**
 * The exemplars of a series' buckets. An exemplar that leads nowhere is worse than none: it is shown when its spans have
 * been taken by whoever keeps traces, and never when they were lost. Until then the one before it is shown.
 */
export class Exemplars {
  readonly #shown: (Exemplar | undefined)[];
  readonly #candidates: (Exemplar | undefined)[];
  readonly #deliveries: (Readonly<Delivery> | undefined)[];
  readonly #takenAtMs: Float64Array;

  constructor(buckets: number) {
    this.#shown = Array.from({ length: buckets }, () => undefined);
    this.#candidates = Array.from({ length: buckets }, () => undefined);
    this.#deliveries = Array.from({ length: buckets }, () => undefined);
    this.#takenAtMs = new Float64Array(buckets).fill(-Infinity);
  }

  /**
   * Offers a trace.
   *
   * @param atMs when, in milliseconds since 1970
   * @param delivery of its spans; undefined when nobody can say
   */
  offer(bucket: number, value: number, traceId: string, atMs: number, delivery: Readonly<Delivery> | undefined): void {
    // either way: the clock may have been set back
    if (Math.abs(atMs - this.#takenAtMs[bucket]!) < INTERVAL_MS) return;
    if (delivery?.state === 'lost' || this.#settle(bucket) === 'pending') return;
    this.#takenAtMs[bucket] = atMs;
    this.#candidates[bucket] = { labelSet: { trace_id: copyOf(traceId) }, value, timestamp: Math.round(atMs) / 1000 };
    this.#deliveries[bucket] = delivery;
  }

  /** What is shown of a bucket. */
  of(bucket: number): Exemplar | undefined {
    this.#settle(bucket);
    const shown = this.#shown[bucket];
    const isFresh = shown !== undefined && Math.abs(Date.now() - shown.timestamp * 1000) < MAX_AGE_MS;
    return isFresh ? shown : undefined;
  }

  clear(): void {
    this.#shown.fill(undefined);
    this.#candidates.fill(undefined);
    this.#deliveries.fill(undefined);
    this.#takenAtMs.fill(-Infinity);
  }

  /** Takes note of what became of the candidate. */
  #settle(bucket: number): 'pending' | 'settled' {
    const candidate = this.#candidates[bucket];
    if (candidate === undefined) return 'settled';
    const state = this.#deliveries[bucket]?.state ?? 'delivered';
    if (state === 'pending') return 'pending';
    if (state === 'delivered') this.#shown[bucket] = candidate;
    this.#candidates[bucket] = undefined;
    this.#deliveries[bucket] = undefined;
    return 'settled';
  }
}

/** An id may be a slice that keeps the whole text alive it was cut from; `+ ''` would not copy. */
function copyOf(id: string): string {
  return Buffer.from(id, 'latin1').toString('latin1');
}
