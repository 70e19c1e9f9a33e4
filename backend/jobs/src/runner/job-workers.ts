import type { AnyJob } from '../definition/define-job.ts';
import type { JobWorker } from './job-worker.ts';

/** What works on the jobs that are defined at the moment, one worker for each. */
export class JobWorkers {
  readonly #workerOf: (job: AnyJob) => JobWorker;
  readonly #workers = new Map<string, JobWorker>();
  /** Of definitions that were replaced: their runs end as they began. */
  readonly #leaving = new Set<Promise<void>>();
  #paused: ReadonlySet<string> = new Set();
  #isStopping = false;

  constructor(workerOf: (job: AnyJob) => JobWorker) {
    this.#workerOf = workerOf;
  }

  /** Begins to work on these jobs and takes no more events of others. A definition that is the same object goes on. */
  replace(jobs: Iterable<AnyJob>): void {
    if (this.#isStopping) return;
    const wanted = new Map([...jobs].map((job) => [job.settings.id, job]));
    for (const [id, worker] of this.#workers) {
      if (wanted.get(id) === worker.job) continue;
      this.#workers.delete(id);
      const leaving: Promise<void> = worker.stop().finally(() => this.#leaving.delete(leaving));
      this.#leaving.add(leaving);
    }
    for (const [id, job] of wanted) {
      if (this.#workers.has(id)) continue;
      const worker = this.#workerOf(job);
      this.#workers.set(id, worker);
      worker.setPaused(this.#paused.has(id));
      worker.start();
    }
  }

  /** Says that there may be something to do for a job. */
  notice(jobId: string): void {
    this.#workers.get(jobId)?.notice();
  }

  setPaused(paused: ReadonlySet<string>): void {
    this.#paused = paused;
    for (const [id, worker] of this.#workers) worker.setPaused(paused.has(id));
  }

  /** Takes no more events; resolves when the runs that go on have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#leaving, ...[...this.#workers.values()].map((worker) => worker.stop())]);
  }
}
