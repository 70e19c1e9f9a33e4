import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@clearway/kernel';
import type { PgBoss } from 'pg-boss';
import type { z } from 'zod';
import { replayWork } from './dead-letters/replay/replay-work.ts';
import { takeInDeadLetters } from './dead-letters/take-in.ts';
import type { AnyJob, JobDefinition } from './definition/define-job.ts';
import { pausedJobs, register } from './definition/registry.ts';
import { every, type Repeating } from './every.ts';
import { openConnections, type Connections } from './queue/connections.ts';
import { enqueue, type Enqueued, type EnqueueOptions } from './queue/enqueue.ts';
import { InputRefused } from './queue/input-refused.ts';
import { CONTROL_NOTICE, listenForNotices } from './queue/notices.ts';
import { openQueue, prepareDeadLetterQueue, prepareQueue, type QueueTimes } from './queue/open-queue.ts';
import { putScheduled } from './queue/put-scheduled.ts';
import { closeForgottenRuns } from './reports/close-forgotten.ts';
import { JobWorker } from './runner/job-worker.ts';
import { JobWorkers } from './runner/job-workers.ts';
import type { LineTarget } from './runner/run-log.ts';
import { signsOfLife, type SignsOfLife } from './runner/signs-of-life.ts';
import type { RunEnded } from './runner/work-on-event.ts';
import { fireDue } from './schedule/fire-due.ts';

/** How jobs are run in a process. */
export interface JobsOptions {
  /** The database of Clearway's worker, which keeps its tables up to date. */
  readonly connectionString: string;
  /** Names this service in the list of jobs and among the database's sessions. */
  readonly service: string;
  readonly jobs: readonly AnyJob[];
  /** Takes log lines: Winston's logger will do. */
  readonly log: LineTarget;
  /** False only enqueues: nothing runs in this process. Default true. */
  readonly isWorking?: boolean;
  /** Most connections at once; 10 by default, and one more that listens. */
  readonly poolSize?: number;
  /** How long the database may take to answer and to have its tables, in milliseconds; 60,000 by default. */
  readonly startLimitMs?: number;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
  readonly times?: Partial<JobTimes>;
  /** Hears of every run that ended; what it throws is logged. */
  readonly onRunEnded?: (run: RunEnded) => void;
}

/** How quickly things are noticed. */
export interface JobTimes extends QueueTimes {
  /** How often a queue is looked into when no notice comes. */
  readonly pollMs: number;
  /** How often a run gives a sign of life, and its progress is written. */
  readonly signMs: number;
  /** How often schedules are looked at. */
  readonly scheduleMs: number;
  /** How often it is looked up which jobs are paused. */
  readonly controlMs: number;
  /** How often replays of dead letters are gone on with. */
  readonly replayMs: number;
}

const DEFAULT_TIMES: JobTimes = {
  heartbeatSeconds: 30,
  superviseSeconds: 5,
  pollMs: 2000,
  signMs: 3000,
  scheduleMs: 1000,
  controlMs: 3000,
  replayMs: 500,
};
/** How often runs that began elsewhere and were forgotten are looked for. */
const FORGOTTEN_MS = 60_000;
const DEFAULT_START_LIMIT_MS = 60_000;
const UNDEFINED_TABLE = '42P01';

/** Jobs in a process. */
export interface Jobs {
  readonly boss: PgBoss;
  readonly connections: Connections;
  /**
   * Puts an event into the queue of a job.
   *
   * @throws {InputRefused} when the input does not fit the job's schema
   */
  enqueue<Schema extends z.ZodType>(
    job: JobDefinition<Schema>,
    input: z.input<Schema>,
    options?: EnqueueOptions,
  ): Promise<Enqueued>;
  /** The jobs that are defined here at the moment, by their ids. */
  readonly definitions: ReadonlyMap<string, AnyJob>;
  /**
   * Goes over to other definitions without a restart. Runs that go on end as they began; a definition that is the same
   * object is not touched. One call at a time.
   *
   * @throws {Error} when they cannot be made known to the others: nothing has changed then; when two jobs share an id
   */
  redefine(jobs: readonly AnyJob[]): Promise<void>;
  /** How many runs go on in this process. */
  readonly runningCount: () => number;
  /**
   * Takes no more events and waits for the runs that go on; after `limitMs` they are stopped and their events go back into
   * the queue.
   */
  stop(limitMs: number): Promise<void>;
}

/**
 * Runs jobs in this process, beside any number of other processes that do the same.
 *
 * @throws {Error} when the database does not answer, or has no tables, within the time; when two jobs share an id
 * @example
 * const jobs = await startJobs({ connectionString, service: 'tracks', jobs: [renderCover], log: logger });
 * await jobs.enqueue(renderCover, { trackId });
 * process.once('SIGTERM', () => void jobs.stop(20_000));
 */
export async function startJobs(options: JobsOptions): Promise<Jobs> {
  checkDefinitions(options.jobs);
  const times: JobTimes = { ...DEFAULT_TIMES, ...options.times };
  const onProblem = (error: Error): unknown => options.log.warn('jobs: the database refused', { error });
  const connections = openConnections({
    connectionString: options.connectionString,
    applicationName: `${options.service}-jobs`,
    poolSize: options.poolSize ?? 10,
    onProblem: (error) => void options.log.debug('jobs: a database connection broke', { error }),
  });
  // a database that is silent must not keep the process from ending
  const giveUp = (): void => void connections.close();
  options.signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const boss = await untilReady(() => prepare(options, connections, times, onProblem), options);
    return working({ options, times, boss, connections, onProblem });
  } catch (error) {
    await connections.close();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
  }
}

const byId = (jobs: readonly AnyJob[]): Map<string, AnyJob> => new Map(jobs.map((job) => [job.settings.id, job]));

function checkDefinitions(jobs: readonly AnyJob[]): void {
  const ids = new Set<string>();
  for (const { settings, input } of jobs) {
    if (ids.has(settings.id)) throw new TypeError(`two jobs have the id "${settings.id}"`);
    ids.add(settings.id);
    if (!settings.schedule) continue;
    const parsed = input.safeParse(settings.schedule.input);
    if (!parsed.success) throw new InputRefused(settings.id, `the schedule's input: ${parsed.error.message}`);
  }
}

async function prepare(
  { service, jobs }: JobsOptions,
  connections: Connections,
  times: JobTimes,
  onProblem: (error: Error) => unknown,
): Promise<PgBoss> {
  await connections.query('SELECT 1 FROM job_definitions LIMIT 1');
  const boss = await openQueue(connections, times, onProblem);
  try {
    await prepareDeadLetterQueue(boss);
    await makeKnown(jobs, { service, boss, connections, times });
    return boss;
  } catch (error) {
    await boss.stop({ graceful: false, close: false });
    throw error;
  }
}

async function makeKnown(
  jobs: readonly AnyJob[],
  { service, boss, connections, times }: Pick<Parts, 'boss' | 'connections' | 'times'> & { readonly service: string },
): Promise<void> {
  for (const job of jobs) await prepareQueue(boss, job, times);
  await connections.transaction((sql) => register(sql, service, jobs));
}

async function untilReady<T>(start: () => Promise<T>, { startLimitMs, log, signal }: JobsOptions): Promise<T> {
  const untilMs = performance.now() + (startLimitMs ?? DEFAULT_START_LIMIT_MS);
  for (let attempt = 1; ; attempt++) {
    try {
      signal?.throwIfAborted();
      return await start();
    } catch (error) {
      signal?.throwIfAborted();
      const { code, message } = error as { code?: string; message: string };
      if (performance.now() > untilMs || error instanceof TypeError) {
        const hint = code === UNDEFINED_TABLE ? '; start the worker of Clearway, which makes them' : '';
        throw new Error(`jobs cannot start: ${message}${hint}`, { cause: error });
      }
      if (attempt === 1) log.info('jobs wait for the database', { reason: message });
      await sleep(backoffMs(attempt, { baseMs: 100, maxMs: 2000 }));
    }
  }
}

interface Parts {
  readonly options: JobsOptions;
  readonly times: JobTimes;
  readonly boss: PgBoss;
  readonly connections: Connections;
  readonly onProblem: (error: Error) => unknown;
}

function working(parts: Parts): Jobs {
  const { options, times, boss, connections, onProblem } = parts;
  const { service } = options;
  const signs = signsOfLife({ boss, connections, intervalMs: times.signMs, onProblem });
  const isWorking = options.isWorking ?? true;
  const workers = new JobWorkers((job) => workerOf(parts, job, signs));
  const repeating = isWorking ? repeatingWork(parts, workers) : [];
  const control = repeating[0];
  const notices = listenForNotices(options.connectionString, (jobId) => {
    if (jobId === CONTROL_NOTICE) return control?.nudge();
    workers.notice(jobId);
  });
  let definitions = byId(options.jobs);
  if (isWorking) workers.replace(options.jobs);
  return {
    boss,
    connections,
    get definitions() {
      return definitions;
    },
    async redefine(jobs) {
      checkDefinitions(jobs);
      await makeKnown(jobs, { service, boss, connections, times });
      definitions = byId(jobs);
      if (isWorking) workers.replace(jobs);
    },
    enqueue: (job, input, enqueueOptions = {}) =>
      enqueue({ boss, connections }, job, input, enqueueOptions, { trigger: 'enqueue' }),
    runningCount: () => signs.active.size,
    async stop(limitMs) {
      const repeated = Promise.all(repeating.map((work) => work.stop()));
      await Promise.all([notices.close(), stopWorkers(workers, signs, limitMs)]);
      signs.stop();
      // a database that is silent must not keep the process from ending
      await Promise.race([repeated.then(() => boss.stop({ graceful: false, close: false })), pause(STOP_GRACE_MS)]);
      await connections.close();
    },
  };
}

function workerOf({ options, times, boss, connections }: Parts, job: AnyJob, signs: SignsOfLife): JobWorker {
  return new JobWorker(job, {
    boss,
    connections,
    signs,
    log: options.log,
    worker: `${options.service}@${hostname()}:${process.pid}`,
    pollMs: times.pollMs,
    onRunEnded: (run) => {
      try {
        options.onRunEnded?.(run);
      } catch (error) {
        options.log.warn('what watches job runs failed', { error });
      }
    },
  });
}

/** All that happens by the clock; the first is what looks up which jobs are paused. */
function repeatingWork(parts: Parts, workers: JobWorkers): Repeating[] {
  const { times, boss, connections, onProblem } = parts;
  const control = async (): Promise<void> => {
    workers.setPaused(await pausedJobs(connections));
  };
  const fire = (): Promise<number> => fireDue(connections, putScheduled(boss));
  const takeIn = async (): Promise<void> => {
    while ((await takeInDeadLetters(boss, connections)) > 0);
  };
  return [
    every(times.controlMs, control, onProblem),
    every(times.scheduleMs, fire, onProblem),
    every(times.pollMs, takeIn, onProblem),
    every(FORGOTTEN_MS, () => closeForgottenRuns(connections), onProblem),
    ...replayWork(boss, connections, times.replayMs, onProblem),
  ];
}

/** Longer than a run may take to notice that it is stopped, and to be written down. */
const RUN_GRACE_MS = 8000;
/** For what the queue itself is doing at the moment. */
const STOP_GRACE_MS = 1000;

const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false });

async function stopWorkers(workers: JobWorkers, signs: SignsOfLife, limitMs: number): Promise<void> {
  const stopped = workers.stop();
  const wait = (ms: number): Promise<unknown> => Promise.race([stopped, pause(ms)]);
  await wait(STOP_GRACE_MS);
  if (signs.active.size > 0) await wait(limitMs);
  for (const run of signs.active) run.stop('shutdown');
  if (signs.active.size > 0) await wait(RUN_GRACE_MS);
}
