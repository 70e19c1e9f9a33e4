import type { Metrics } from '@clearway/telemetry';
import { Gauge } from 'prom-client';
import type { JobsSeen } from './watch-jobs.ts';

const STATES = ['healthy', 'late', 'failing', 'slow', 'silent', 'suspicious'] as const;

/**
 * The state of every job and of its queue, as last seen. Every worker shows the same figures: take the maximum over them,
 * not the sum.
 */
export function jobGauges(metrics: Metrics, seen: () => JobsSeen | undefined): void {
  const registers = [metrics.registry];
  const budget = metrics.budget('job');
  new Gauge({
    name: 'clearway_job_state',
    help: 'Whether a job is in this state: 1 for the one it is in',
    labelNames: ['job', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { jobId, state } of seen()?.judged ?? []) {
        const job = budget.fold(jobId);
        for (const each of STATES) this.set({ job, state: each }, each === state ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: 'clearway_job_queue_events',
    help: 'Events in the queue of a job: ready to run, deferred to a later time, or active',
    labelNames: ['job', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { jobId, queue } of seen()?.jobs ?? []) {
        if (!queue) continue;
        const job = budget.fold(jobId);
        for (const state of ['ready', 'deferred', 'active'] as const) this.set({ job, state }, queue[state]);
      }
    },
  });
}
