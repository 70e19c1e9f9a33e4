import type { DatabaseCheck, DatabaseCheckId, DatabaseThresholds } from '@clearway/contracts';
import { thresholdsSchema } from '@clearway/contracts';
import { DatabaseWatch } from '@clearway/database';

/** How often passes are made, and from when on something counts. */
export interface Tempo {
  readonly quickMs: number;
  readonly thresholds: DatabaseThresholds;
}

/** As it is shipped. */
export const REAL_TEMPO: Tempo = { quickMs: 15_000, thresholds: thresholdsSchema.parse({}) };

const fast = { warningSeconds: 0.4, criticalSeconds: 60, forSeconds: 0 };
/** The same, faster: what takes minutes by the shipped thresholds takes a second. */
export const SHORT_TEMPO: Tempo = {
  quickMs: 250,
  thresholds: thresholdsSchema.parse({
    connections: { forSeconds: 1 },
    errorRate: { forSeconds: 0 },
    sequentialReads: { warningRowsPerSecond: 10_000, criticalRowsPerSecond: 1e9, forSeconds: 0 },
    lockWait: fast,
    idleInTransaction: fast,
    queryTime: { warningMs: 500, criticalMs: 100_000 },
  }),
};

/** What the monitor said of a fault, and when. */
export interface Sighting {
  readonly check: DatabaseCheckId;
  readonly status: DatabaseCheck['status'];
  readonly message: string;
  readonly recommendation?: string | undefined;
  readonly evidence?: DatabaseCheck['evidence'];
  /** After the fault began, in seconds. */
  readonly afterSeconds: number;
}

/** A watch that makes passes as the worker does, and remembers how many connections it had at most. */
export class Observer {
  readonly watch: DatabaseWatch;
  readonly #tempo: Tempo;
  readonly #passes: { quick: number; full: number } = { quick: 0, full: 0 };
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  readonly #onStart: () => Promise<unknown>;
  maxConnections = 0;
  slowestQuickMs = 0;

  /** @param onStart is called before the passes begin that a fault is seen by */
  constructor(tempo: Tempo, connectionString: () => string, onStart: () => Promise<unknown> = async () => {}) {
    this.#tempo = tempo;
    this.#onStart = onStart;
    this.watch = new DatabaseWatch({
      id: 'proof',
      label: 'proof',
      connectionString,
      quickSeconds: tempo.quickMs / 1000,
      fullSeconds: 900,
      thresholds: tempo.thresholds,
    });
  }

  /** How many passes were made. */
  get passes(): { readonly quick: number; readonly full: number } {
    return this.#passes;
  }

  /** Makes a full pass and a quick one, then goes on with quick ones. */
  async start(): Promise<void> {
    await this.full();
    await this.#quick();
    await this.#onStart();
    this.#schedule();
  }

  async full(): Promise<void> {
    await this.watch.full();
    this.#passes.full++;
    this.#count();
  }

  /** Waits until a check stands as it should; the time counts from `sinceMs` of `performance.now()`. */
  async sees(
    check: DatabaseCheckId,
    statuses: readonly DatabaseCheck['status'][],
    sinceMs: number,
    limitMs: number,
  ): Promise<Sighting> {
    for (;;) {
      const found = this.watch.checks.find(({ id }) => id === check);
      const elapsedMs = performance.now() - sinceMs;
      if (found && statuses.includes(found.status)) {
        const { status, message, recommendation, evidence } = found;
        return { check, status, message, recommendation, evidence, afterSeconds: Math.round(elapsedMs / 10) / 100 };
      }
      if (elapsedMs > limitMs) {
        throw new Error(
          `${check} is ${found?.status} and not ${statuses.join(' or ')} after ${limitMs} ms: ${found?.message}`,
        );
      }
      await this.#nextPass();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.watch.close();
  }

  async #nextPass(): Promise<void> {
    const { quick } = this.#passes;
    while (this.#passes.quick === quick && !this.#isClosed) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** As the worker's timers do: by the clock, so that what a pass takes does not move the next one. */
  #schedule(startMs = performance.now()): void {
    if (this.#isClosed) return;
    const { quickMs } = this.#tempo;
    const restMs = quickMs - ((performance.now() - startMs) % quickMs);
    this.#timer = setTimeout(() => {
      this.#running = this.#quick().then(() => this.#schedule(startMs));
    }, restMs);
  }

  async #quick(): Promise<void> {
    const { durationMs } = await this.watch.quick();
    this.#passes.quick++;
    this.slowestQuickMs = Math.max(this.slowestQuickMs, durationMs);
    this.#count();
  }

  #count(): void {
    this.maxConnections = Math.max(this.maxConnections, this.watch.connections);
  }
}
