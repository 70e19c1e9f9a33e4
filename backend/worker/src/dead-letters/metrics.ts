import { countDeadLetters, type DeadLetterCounts } from '@clearway/jobs';
import type { Metrics } from '@clearway/telemetry';
import { Gauge } from 'prom-client';
import type { JobsPort } from '../jobs/jobs-port.ts';

/** So long counts are good enough: the same ones for all gauges of a scrape, and for who scrapes twice. */
const FRESH_MS = 5000;
/** A scrape does not wait longer for a database that is silent; it shows what was counted last. */
const LIMIT_MS = 2000;
const STATUSES = ['pending', 'processing', 'succeeded', 'failed', 'discarded'] as const;

/** Tells how many dead letters there are and how long the oldest waits; the same in every worker of a database. */
export function deadLetterMetrics(metrics: Metrics, port: JobsPort): void {
  const registers = [metrics.registry];
  const budget = metrics.budget('job');
  const counts = remembered(port);
  new Gauge({
    name: 'clearway_dead_letters',
    help: 'Events that failed for good, by what became of them',
    labelNames: ['job', 'status'],
    registers,
    async collect() {
      const all = await counts();
      this.reset();
      for (const job of all) {
        for (const status of STATUSES) this.inc({ job: budget.fold(job.jobId), status }, job[status]);
      }
    },
  });
  new Gauge({
    name: 'clearway_dead_letters_oldest_pending_seconds',
    help: 'Since when the oldest dead letter of a job has been waiting for somebody',
    labelNames: ['job'],
    registers,
    async collect() {
      const all = await counts();
      this.reset();
      for (const { jobId, oldestPendingAt } of all) {
        if (oldestPendingAt) this.set({ job: budget.fold(jobId) }, (Date.now() - oldestPendingAt.getTime()) / 1000);
      }
    },
  });
}

/** Counts at most every few seconds, and keeps what was counted last while the database does not answer. */
function remembered(port: JobsPort): () => Promise<readonly DeadLetterCounts[]> {
  let last: readonly DeadLetterCounts[] = [];
  let atMs = -Infinity;
  let counting: Promise<unknown> | undefined;
  return async () => {
    const jobs = port.current();
    if (jobs && performance.now() - atMs > FRESH_MS) {
      counting ??= countDeadLetters(jobs.connections)
        .then((counts) => {
          last = counts;
          atMs = performance.now();
        })
        .catch(() => {})
        .finally(() => (counting = undefined));
      await Promise.race([counting, new Promise((resolve) => setTimeout(resolve, LIMIT_MS).unref())]);
    }
    return last;
  };
}
