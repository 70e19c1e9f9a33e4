import { setTimeout as sleep } from 'node:timers/promises';
import { withTestDatabase } from '@clearway/database/testing';
import { startJobs, type Jobs } from '@clearway/jobs';
import { startJobWorkers, type JobWorkers } from './support/job-workers.ts';
import { atLeast, atMost, type Proof, type ProofContext } from './support/proof.ts';
import { silent } from './support/silent.ts';
import { countAll, createTransfers, transferJob, untilDone } from './support/transfers.ts';

const PROCESSES = 3;

/** How much is done. */
interface Extent {
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly killEverySeconds: number;
  readonly heartbeatSeconds: number;
}

const WHOLE: Extent = { seconds: 600, eventsPerSecond: 50, killEverySeconds: 4, heartbeatSeconds: 30 };
const SHORT: Extent = { seconds: 4, eventsPerSecond: 50, killEverySeconds: 1, heartbeatSeconds: 10 };

/** Only enqueues: the events are worked on in the processes that are killed. */
const transfer = transferJob();

export const proof: Proof = {
  guarantee:
    'Three workers are killed with SIGKILL at random: no event is lost, none is counted twice, and its effect happens once.',
  async run({ isShort, progress, signal }: ProofContext) {
    const extent = isShort ? SHORT : WHOLE;
    const database = await withTestDatabase();
    const { connectionString } = database;
    const jobs = await startJobs({
      connectionString,
      service: 'proof-client',
      jobs: [transfer],
      log: silent,
      isWorking: false,
      times: { heartbeatSeconds: extent.heartbeatSeconds, superviseSeconds: 1 },
    });
    await createTransfers(jobs);
    const settings = { connectionString, heartbeatSeconds: extent.heartbeatSeconds, concurrency: 20, workMs: 600 };
    const workers = await startJobWorkers(PROCESSES, settings);
    try {
      const killing = killAtRandom(() => kill(jobs, workers, isShort), extent, signal);
      const count = await enqueueWhile(killing, { jobs, extent, progress, signal });
      await killing;
      const drainSeconds = await untilDone(jobs, progress);
      const seen = await countAll(jobs);
      const { effects, successes, executions, lost } = seen;
      const recoverySeconds = await longestRecovery(jobs);
      return {
        bars: [
          atMost('events lost', count - seen.numbers.size, 0),
          atMost('effects done more than once', seen.effects - seen.numbers.size, 0),
          atMost('difference of successes counted and events', Math.abs(seen.successes - count), 0),
          atMost('difference of runs kept and runs counted', Math.abs(seen.runs - seen.executions), 0),
          atMost('seconds from a kill to the next try, longest', recoverySeconds, 60),
          atLeast('runs that were lost to a kill', seen.lost, 1),
        ],
        measurements: {
          ...extent,
          processes: PROCESSES,
          events: count,
          kills: workers.kills(),
          drainSeconds,
          effects,
          successes,
          executions,
          lost,
        },
      };
    } finally {
      await workers.stop();
      await jobs.stop(0);
      await database.close();
    }
  },
};

/**
 * The short form does not wait for what the clock alone does: until a run without signs of life counts as lost.
 *
 * @returns whether the process was killed in the middle of a run, as far as the short form knows
 */
async function kill(jobs: Jobs, workers: JobWorkers, isShort: boolean): Promise<boolean> {
  const pid = await workers.killOne();
  if (!isShort) return true;
  const { rows } = await jobs.connections.query(AGE_SIGNS, [`%:${pid}`]);
  return rows.length > 0;
}

const AGE_SIGNS = `UPDATE pgboss.job SET heartbeat_on = heartbeat_on - interval '1 minute'
  WHERE name = 'transfer' AND state = 'active'
    AND id IN (SELECT event_id FROM job_runs WHERE status = 'RUNNING' AND worker LIKE $1)
  RETURNING id`;

/** Kills for so many seconds, and until one kill hit a run: on a busy machine the first ones come before any. */
async function killAtRandom(kill: () => Promise<boolean>, { seconds, killEverySeconds }: Extent, signal: AbortSignal) {
  const untilMs = performance.now() + seconds * 1000;
  for (let hasHit = false; (performance.now() < untilMs || !hasHit) && !signal.aborted;) {
    await sleep(killEverySeconds * 1000 * 2 * Math.random());
    hasHit = (await kill()) || hasHit;
  }
}

interface Enqueuing extends Pick<ProofContext, 'progress' | 'signal'> {
  readonly jobs: Jobs;
  readonly extent: Extent;
}

/** Enqueues at a rate for as long as the killing lasts; resolves to the number of events. */
async function enqueueWhile(killing: Promise<void>, { jobs, extent, progress, signal }: Enqueuing): Promise<number> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  killing.then(over, over);
  const startMs = performance.now();
  let count = 0;
  while (!isOver) {
    signal.throwIfAborted();
    const due = Math.floor(((performance.now() - startMs) / 1000) * extent.eventsPerSecond);
    const batch = Array.from({ length: due - count }, (_, i) => enqueueUntilTaken(jobs, count + i));
    await Promise.all(batch);
    if (Math.floor(due / 1000) > Math.floor(count / 1000)) progress(`${due} events enqueued`);
    count = Math.max(count, due);
    await sleep(50);
  }
  return count;
}

/** The key lets a client try again without fear: what was taken already is answered with its event. */
async function enqueueUntilTaken(jobs: Jobs, number: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await jobs.enqueue(transfer, { number });
      return;
    } catch (error) {
      if (tries === 20) throw error;
      await sleep(200);
    }
  }
}

/** From the last sign of life of a run that was lost to the start of the next one. */
async function longestRecovery(jobs: Jobs): Promise<number> {
  const { rows } = await jobs.connections.query<{ seconds: number | null }>(`
    SELECT max(extract(epoch FROM next.started_at - lost.heartbeat_at))::float8 AS seconds
    FROM job_runs lost
    JOIN LATERAL (
      SELECT started_at FROM job_runs later
      WHERE later.event_id = lost.event_id AND later.started_at > lost.started_at ORDER BY started_at LIMIT 1
    ) next ON true
    WHERE lost.status = 'LOST'`);
  return Math.round((rows[0]?.seconds ?? 0) * 10) / 10;
}
