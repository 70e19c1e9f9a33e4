import { backoffMs } from '@clearway/kernel';
import type { AnyJob } from '../definition/define-job.ts';
import { workOnEvent, type FetchedEvent, type WorkOptions } from './work-on-event.ts';

const LARGEST_BATCH = 20;
const LONGEST_PAUSE_MS = 10_000;

/** How a job is worked on in this process. */
export interface JobWorkerOptions extends WorkOptions {
  /** How often the queue is looked into when nobody says that there is something, in milliseconds. */
  readonly pollMs: number;
}

/**
 * Takes events of one job out of the queue, as many at a time as the job allows. Looks again at once while there is more,
 * when a notice comes and when a slot gets free, and every `pollMs` otherwise: for tries that became due and notices that
 * were missed.
 */
export class JobWorker {
  readonly job: AnyJob;
  readonly #options: JobWorkerOptions;
  readonly #working = new Set<Promise<void>>();
  #wake: () => void = () => {};
  #isWoken = false;
  #isPaused = false;
  #isStopping = false;
  #failures = 0;
  #loop: Promise<void> | undefined;

  constructor(job: AnyJob, options: JobWorkerOptions) {
    this.job = job;
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Says that there may be something to do. */
  notice(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Whether events stay in the queue; runs that go on are not touched. */
  setPaused(isPaused: boolean): void {
    if (this.#isPaused && !isPaused) this.notice();
    this.#isPaused = isPaused;
  }

  /** Takes no more events; resolves when the runs that go on have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.notice();
    await this.#loop;
    await Promise.all(this.#working);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#isWoken = false;
      const free = this.job.settings.concurrency - this.#working.size;
      const wanted = this.#isPaused ? 0 : Math.min(free, LARGEST_BATCH);
      const events = wanted > 0 ? await this.#fetch(wanted) : [];
      for (const event of events) this.#workOn(event);
      const hasMore =
        events.length > 0 && events.length === wanted && this.#working.size < this.job.settings.concurrency;
      if (!hasMore) await this.#pause();
    }
  }

  async #fetch(batchSize: number): Promise<FetchedEvent[]> {
    const { boss, log } = this.#options;
    try {
      const events = await boss.fetch<object>(this.job.settings.id, { batchSize, includeMetadata: true });
      this.#failures = 0;
      return events;
    } catch (error) {
      if (this.#failures++ === 0) log.warn('the queue cannot be read', { job: this.job.settings.id, error });
      return [];
    }
  }

  #workOn(event: FetchedEvent): void {
    const working: Promise<void> = workOnEvent(this.#options, this.job, event).finally(() => {
      this.#working.delete(working);
      this.notice();
    });
    this.#working.add(working);
  }

  async #pause(): Promise<void> {
    if (this.#isWoken || this.#isStopping) return;
    const { pollMs } = this.#options;
    const failedMs = this.#failures > 0 ? backoffMs(this.#failures, { baseMs: 500, maxMs: LONGEST_PAUSE_MS }) : 0;
    // a little apart from the other processes
    const pauseMs = Math.max(failedMs, pollMs * (0.8 + 0.4 * Math.random()));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}
