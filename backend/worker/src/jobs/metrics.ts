import type { RunEnded } from '@clearway/jobs';
import type { Metrics } from '@clearway/telemetry';
import { Counter, Histogram } from 'prom-client';

/** From a tenth of a second to an hour: what jobs take. */
const BUCKETS_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 150, 300, 900, 1800, 3600];

/** Counts the runs of this process; with several workers the sums over all of them are the figures of a job. */
export function jobRunMetrics(metrics: Metrics): (run: RunEnded) => void {
  const registers = [metrics.registry];
  const budget = metrics.budget('job');
  const runs = new Counter({
    name: 'clearway_job_runs_total',
    help: 'Runs of jobs that ended in this process, by how they ended',
    labelNames: ['job', 'end'],
    registers,
  });
  const duration = new Histogram({
    name: 'clearway_job_duration_seconds',
    help: 'How long successful runs of jobs took',
    labelNames: ['job'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const wait = new Histogram({
    name: 'clearway_job_wait_seconds',
    help: 'How long events of jobs waited from the moment when they could have run',
    labelNames: ['job'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  return ({ jobId, end, durationMs, waitMs }) => {
    const job = budget.fold(jobId);
    runs.inc({ job, end: end.toLowerCase() });
    wait.observe({ job }, waitMs / 1000);
    if (end === 'SUCCEEDED') duration.observe({ job }, durationMs / 1000);
  };
}
