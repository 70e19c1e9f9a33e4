import { setTimeout as sleep } from 'node:timers/promises';
import { withTestDatabase } from '@clearway/database/testing';
import { defineJob, startJobs, type Jobs } from '@clearway/jobs';
import { z } from 'zod';
import { startJobWorkers } from './support/job-workers.ts';
import { atLeast, atMost, type Proof, type ProofContext } from './support/proof.ts';
import { silent } from './support/silent.ts';

const PROCESSES = 3;

/** How much is done. */
interface Extent {
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly killEverySeconds: number;
  readonly heartbeatSeconds: number;
}

const WHOLE: Extent = { seconds: 600, eventsPerSecond: 50, killEverySeconds: 4, heartbeatSeconds: 30 };
const SHORT: Extent = { seconds: 5, eventsPerSecond: 50, killEverySeconds: 1.5, heartbeatSeconds: 10 };

/** Only enqueues: the events are worked on in the processes that are killed. */
const transfer = defineJob({
  id: 'transfer',
  input: z.object({ number: z.int() }),
  retries: 50,
  backoff: { minMs: 1000, maxMs: 2000 },
  idempotencyKey: ({ number }) => `transfer-${number}`,
  run: () => {},
});

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
    await jobs.connections.query('CREATE TABLE transfers (number int NOT NULL, run_id uuid NOT NULL)');
    const settings = { connectionString, heartbeatSeconds: extent.heartbeatSeconds, concurrency: 20, workMs: 600 };
    const workers = await startJobWorkers(PROCESSES, settings);
    try {
      const killing = killAtRandom(() => workers.killOne(), extent, signal);
      const count = await enqueueAtRate(jobs, extent, progress, signal);
      await killing;
      const drainSeconds = await untilDone(jobs, count, progress, signal);
      const seen = await countAll(jobs);
      const recoverySeconds = await longestRecovery(jobs);
      return {
        bars: [
          atMost('events lost', count - seen.succeeded, 0),
          atMost('effects done more than once', seen.effects - seen.different, 0),
          atMost('effects missing', count - seen.different, 0),
          atMost('successes counted twice', seen.counted - count, 0),
          atMost('runs not counted once', Math.abs(seen.runs - seen.executions), 0),
          atMost('seconds from a kill to the next try, longest', recoverySeconds, 60),
          atLeast('runs that were lost to a kill', seen.lost, 1),
        ],
        measurements: { ...extent, processes: PROCESSES, events: count, kills: workers.kills(), drainSeconds, ...seen },
      };
    } finally {
      await workers.stop();
      await jobs.stop(0);
      await database.close();
    }
  },
};

async function killAtRandom(kill: () => Promise<void>, { seconds, killEverySeconds }: Extent, signal: AbortSignal) {
  const untilMs = performance.now() + seconds * 1000;
  while (performance.now() < untilMs && !signal.aborted) {
    await sleep(killEverySeconds * 1000 * 2 * Math.random());
    await kill();
  }
}

async function enqueueAtRate(
  jobs: Jobs,
  { seconds, eventsPerSecond }: Extent,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  while (performance.now() - startMs < seconds * 1000) {
    signal.throwIfAborted();
    const due = Math.floor(((performance.now() - startMs) / 1000) * eventsPerSecond);
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

async function untilDone(jobs: Jobs, count: number, progress: (text: string) => void, signal: AbortSignal) {
  const startMs = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const { rows } = await jobs.connections.query<{ open: number }>(
      "SELECT count(*)::int AS open FROM pgboss.job WHERE name = 'transfer' AND state < 'completed'",
    );
    const open = rows[0]?.open ?? 0;
    const waitedSeconds = Math.round((performance.now() - startMs) / 1000);
    if (open === 0 || waitedSeconds > 300) return waitedSeconds;
    progress(`${open} of ${count} events open`);
    await sleep(1000);
  }
}

async function countAll(jobs: Jobs) {
  const { rows } = await jobs.connections.query<Record<string, number>>(`
    SELECT (SELECT count(*) FROM pgboss.job WHERE name = 'transfer' AND state = 'completed')::int AS succeeded,
      (SELECT count(*) FROM transfers)::int AS effects,
      (SELECT count(DISTINCT number) FROM transfers)::int AS different,
      (SELECT success_count FROM job_metrics WHERE job_id = 'transfer') AS counted,
      (SELECT total_executions FROM job_metrics WHERE job_id = 'transfer') AS executions,
      (SELECT count(*) FROM job_runs WHERE job_id = 'transfer'
         AND status NOT IN ('CANCELLED', 'DUPLICATE', 'RUNNING'))::int AS runs,
      (SELECT count(*) FROM job_runs WHERE job_id = 'transfer' AND status = 'LOST')::int AS lost`);
  const { succeeded = 0, effects = 0, different = 0, counted = 0, executions = 0, runs = 0, lost = 0 } = rows[0] ?? {};
  return { succeeded, effects, different, counted, executions, runs, lost };
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
