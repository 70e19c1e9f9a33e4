import type { DatabaseCheck, DatabaseCheckId, DatabaseThresholds } from '@clearway/contracts';
import { thresholdsSchema } from '@clearway/contracts';
import { DatabaseWatch } from '@clearway/database';

export const QUICK_INTERVAL_MS = 15_000;
export const FULL_INTERVAL_MS = 900_000;

/** How often passes are made, and from when on something counts. */
export interface Tempo {
  readonly quickMs: number;
  readonly thresholds: DatabaseThresholds;
}

/** As it is shipped. */
export const REAL_TEMPO: Tempo = { quickMs: QUICK_INTERVAL_MS, thresholds: thresholdsSchema.parse({}) };

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
  readonly #costMs: () => Promise<number>;
  #sinceMs = 0;
  #before: { readonly costMs: number; readonly quick: number } | undefined;
  /** What full passes cost since then, and how many they were. */
  #full = { costMs: 0, passes: 0 };
  maxConnections = 0;
  slowestQuickMs = 0;

  /** @param costMs what the passes cost the database so far */
  constructor(tempo: Tempo, connectionString: () => string, costMs = () => Promise.resolve(0)) {
    this.#tempo = tempo;
    this.#costMs = costMs;
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
    await this.quick();
    this.#before = { costMs: await this.#costMs(), quick: this.#passes.quick };
    this.#sinceMs = performance.now();
    this.#full = { costMs: 0, passes: 0 };
    this.#schedule();
  }

  async full(): Promise<void> {
    const beforeMs = await this.#costMs();
    await this.watch.full();
    this.#full.costMs += (await this.#costMs()) - beforeMs;
    this.#full.passes++;
    this.#passes.full++;
    this.#count();
  }

  /**
   * What the passes since the start cost the database, as a share of the time. Where a proof makes more of them than are
   * shipped, of the time that would have been between them.
   */
  async costPercent(): Promise<number> {
    if (!this.#before) return 0;
    const quickMs = (await this.#costMs()) - this.#before.costMs - this.#full.costMs;
    const quickPasses = this.#passes.quick - this.#before.quick;
    const betweenMs = Math.max(performance.now() - this.#sinceMs, quickPasses * QUICK_INTERVAL_MS);
    const fullMs = this.#full.costMs / Math.max(1, this.#full.passes);
    return 100 * (quickMs / betweenMs + fullMs / FULL_INTERVAL_MS);
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
      this.#running = this.quick().then(() => this.#schedule(startMs));
    }, restMs);
  }

  async quick(): Promise<void> {
    const { durationMs } = await this.watch.quick();
    this.#passes.quick++;
    this.slowestQuickMs = Math.max(this.slowestQuickMs, durationMs);
    this.#count();
  }

  #count(): void {
    this.maxConnections = Math.max(this.maxConnections, this.watch.connections);
  }
}
