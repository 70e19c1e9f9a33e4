import type { Job, JobMetrics } from '@clearway/contracts';
import { every, listJobs, observeEndedRuns, readHealth, readMetrics, startWatch, type JudgedJob } from '@clearway/jobs';
import { systemClock, type Lifecycle } from '@clearway/kernel';
import type { ServiceTelemetry } from '@clearway/telemetry';
import { jobGauges } from './gauges.ts';
import type { JobsPort } from './jobs-port.ts';
import { jobTotals } from './totals.ts';

const INTERVAL_MS = 5000;

/** What was last found out about all jobs. */
export interface JobsSeen {
  readonly at: Date;
  readonly judged: readonly JudgedJob[];
  readonly jobs: readonly Job[];
  /** What they have done so far. */
  readonly totals: readonly JobMetrics[];
}

/** Looks at all jobs on a timer of its own, and keeps the last result: what watches the jobs does not stop with them. */
export interface JobsWatch {
  /** Undefined until the database has answered once. */
  seen(): JobsSeen | undefined;
}

/** What watching needs. */
export interface WatchOptions {
  readonly port: JobsPort;
  readonly telemetry: ServiceTelemetry;
  readonly lifecycle: Lifecycle;
  /** From one look to the next; five seconds when it is left out. */
  readonly everyMs?: number | undefined;
}

/** Starts it: compares ended runs with their baselines, then judges every job. */
export function watchJobs({ port, telemetry, lifecycle, everyMs = INTERVAL_MS }: WatchOptions): JobsWatch {
  const { logger } = telemetry.logs;
  const watch = startWatch(systemClock, INTERVAL_MS);
  let seen: JobsSeen | undefined;
  const states = new Map<string, string>();
  const look = async (): Promise<void> => {
    watch.look();
    const jobs = port.current();
    if (!jobs) return;
    await observeEndedRuns(jobs.connections);
    const judged = await readHealth(jobs.connections, watch.sinceMs);
    const { connections } = jobs;
    seen = { at: new Date(), judged, jobs: await listJobs(connections), totals: await readMetrics(connections) };
    for (const job of judged) {
      const before = states.get(job.jobId) ?? 'healthy';
      if (before !== job.state) tell(job, before);
      states.set(job.jobId, job.state);
    }
  };
  const tell = (job: JudgedJob, before: string): void => {
    const reason = job.reasons[0]?.text ?? 'as expected again';
    const level = job.state === 'healthy' ? 'info' : 'warn';
    logger[level](`job ${job.jobId} is ${job.state}: ${reason}`, { job: job.jobId, state: job.state, before });
  };
  jobGauges(telemetry.metrics, () => seen);
  jobTotals(telemetry.metrics, () => seen);
  const repeating = every(everyMs, look, (error) => logger.warn('jobs cannot be judged', { error }));
  lifecycle.onRelease('watch of the jobs', () => repeating.stop(), 2000);
  return { seen: () => seen };
}
