import { startJobs, type Jobs } from '@clearway/jobs';
import type { Lifecycle } from '@clearway/kernel';
import type { ServiceTelemetry } from '@clearway/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupWork } from '../backups/backup-work.ts';
import { schedule } from '../schedule.ts';
import type { JobsPort } from './jobs-port.ts';
import { jobRunMetrics } from './metrics.ts';

/** What running the worker's jobs needs. */
export interface WorkerJobsOptions {
  readonly connectionString: string;
  readonly telemetry: ServiceTelemetry;
  readonly lifecycle: Lifecycle;
  /** How long runs may take at the end, in milliseconds. */
  readonly drainLimitMs: number;
  readonly backups: BackupWork;
}

const PAUSE_MS = 5000;
/** Runs that were stopped need a moment to be written down. */
const STOP_MARGIN_MS = 10_000;

/** The worker's jobs. */
export interface WorkerJobs extends JobsPort {
  /** Starts them when the promise resolves with true: the database has its tables. */
  startAfter(migrated: Promise<boolean>): void;
  /** Goes over to the schedule as it is now, as soon as the database lets it. */
  reschedule(): void;
}

/** Runs the worker's schedule once the database is there; until then, and while it starts, there are no jobs to ask. */
export function createWorkerJobs(options: WorkerJobsOptions): WorkerJobs {
  const { telemetry, lifecycle, drainLimitMs } = options;
  const abort = new AbortController();
  const onRunEnded = jobRunMetrics(telemetry.metrics);
  let jobs: Jobs | undefined;
  const connections = () => {
    if (!jobs) throw new Error('jobs have not started');
    return jobs.connections;
  };
  const defined = () => schedule({ connections, backups: options.backups });
  const start = async (migrated: Promise<boolean>): Promise<void> => {
    if (!(await migrated) || abort.signal.aborted) return;
    const started = await startJobs({
      connectionString: options.connectionString,
      service: 'clearway-worker',
      jobs: defined(),
      log: telemetry.logs.logger,
      startLimitMs: 0,
      signal: abort.signal,
      onRunEnded: (run) => {
        onRunEnded(run);
        if (run.error) telemetry.errors.reportError(`job ${run.jobId}`, run.error, { feature: 'jobs' });
      },
    });
    if (abort.signal.aborted) await started.stop(0);
    else jobs = started;
  };
  let started = Promise.resolve();
  lifecycle.onRelease(
    'jobs',
    async () => {
      abort.abort();
      if (!jobs) await started;
      // a schedule that is being made known waits for nothing then
      await jobs?.stop(drainLimitMs);
      await started;
    },
    drainLimitMs + STOP_MARGIN_MS,
  );
  return {
    current: () => jobs,
    startAfter: (migrated) => {
      const problem = 'jobs cannot start yet';
      started = untilDone(() => start(migrated), { telemetry, signal: abort.signal, problem });
    },
    reschedule: () => {
      const problem = 'the changed schedule cannot be made known yet';
      const redefine = async (): Promise<void> => jobs?.redefine(defined());
      started = started.then(() => untilDone(redefine, { telemetry, signal: abort.signal, problem }));
    },
  };
}

interface Trying {
  readonly telemetry: ServiceTelemetry;
  readonly signal: AbortSignal;
  readonly problem: string;
}

async function untilDone(work: () => Promise<void>, { telemetry, signal, problem }: Trying): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 1) telemetry.logs.logger.warn(problem, { error });
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }
}
