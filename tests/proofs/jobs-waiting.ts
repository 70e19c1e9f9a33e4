import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { defineJob, listEvents, listJobs, listRuns, startJobs, type Jobs } from '@clearway/jobs';
import { z } from 'zod';
import { atMost, type Proof, type ProofContext } from './support/proof.ts';
import { silent } from './support/silent.ts';

const WHOLE = { waiting: 1_000_000, eventsPerRound: 2000, rounds: 5 };
const SHORT = { waiting: 50_000, eventsPerRound: 200, rounds: 3 };
const PAGE = 50;

const work = defineJob({ id: 'work', input: z.object({ number: z.int() }), concurrency: 20, run: () => {} });

/** A database with jobs on it, and how many runs have ended. */
interface Side {
  readonly database: TestDatabase;
  readonly jobs: Jobs;
  readonly ended: () => number;
  /** How many events wait beside those of a round. */
  readonly waiting: number;
}

export const proof: Proof = {
  guarantee: 'A million events that wait slow down neither the lists nor the worker that takes them.',
  async run({ isShort, progress }: ProofContext) {
    const { waiting, eventsPerRound, rounds } = isShort ? SHORT : WHOLE;
    const [empty, full] = [await startSide(0), await startSide(waiting)];
    try {
      await fill(full.jobs, waiting);
      progress(`${waiting} events wait`);
      const ratios: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const [without, withMany] = [await takeSome(empty, eventsPerRound), await takeSome(full, eventsPerRound)];
        ratios.push(withMany / without);
        progress(`round ${round + 1}: ${Math.round(without)} ms with nothing else waiting, ${Math.round(withMany)} ms`);
      }
      const lists = await timeLists(full.jobs);
      const slowestMs = Math.max(...Object.values(lists));
      return {
        bars: [
          atMost('slowest list, median of 5 (ms)', rounded(slowestMs), 200),
          atMost('time for the same events, ratio, median of rounds', rounded(median(ratios)), 1.25),
        ],
        measurements: { waiting, eventsPerRound, rounds, ratios: ratios.map(rounded), listsMs: lists },
      };
    } finally {
      for (const { jobs, database } of [empty, full]) {
        await jobs.stop(1000);
        await database.close();
      }
    }
  },
};

async function startSide(waiting: number): Promise<Side> {
  const database = await withTestDatabase();
  let ended = 0;
  const jobs = await startJobs({
    connectionString: database.connectionString,
    service: 'proof',
    jobs: [work],
    log: silent,
    onRunEnded: () => ended++,
    times: { controlMs: 20 },
  });
  await setPaused(jobs, true);
  return { database, jobs, ended: () => ended, waiting };
}

const FILL_BATCH = 50_000;

/** As if they had been enqueued over the last day. */
async function fill(jobs: Jobs, count: number): Promise<void> {
  for (let done = 0; done < count; done += FILL_BATCH) {
    await jobs.connections.query(FILL, [done + 1, Math.min(count, done + FILL_BATCH)]);
  }
  await jobs.connections.query('ANALYZE pgboss.job');
}

const FILL = `
  INSERT INTO pgboss.job (name, data, created_on, start_after, keep_until, expire_seconds, heartbeat_seconds, dead_letter)
  SELECT 'work', jsonb_build_object('input', jsonb_build_object('number', n), 'trigger', 'enqueue'),
    now() - n * interval '80 milliseconds', now() - n * interval '80 milliseconds', now() + interval '1 year', 120, 30,
    'clearway.dead-letters'
  FROM generate_series($1::int, $2::int) AS n`;

async function setPaused({ connections }: Jobs, isPaused: boolean): Promise<void> {
  await connections.query('UPDATE job_definitions SET paused_at = CASE WHEN $1 THEN now() END', [isPaused]);
  await connections.query("SELECT pg_notify('clearway_jobs', '!control')");
  if (isPaused) await new Promise((resolve) => setTimeout(resolve, 300));
}

/** How long so many runs take, in milliseconds: those that were enqueued now, or some of those that wait. */
async function takeSome(side: Side, count: number): Promise<number> {
  // the side with nothing else has what it takes in this round, and a little more, since a pause is heard a moment later
  await fill(side.jobs, side.waiting === 0 ? count * 2 : count);
  const until = side.ended() + count;
  const startMs = performance.now();
  await setPaused(side.jobs, false);
  while (side.ended() < until) await new Promise((resolve) => setTimeout(resolve, 2));
  const tookMs = performance.now() - startMs;
  await setPaused(side.jobs, true);
  const leftover = side.waiting === 0 ? "state <= 'completed'" : "state = 'completed'";
  await side.jobs.connections.query(`DELETE FROM pgboss.job WHERE name = 'work' AND ${leftover}`);
  return tookMs;
}

async function timeLists({ connections }: Jobs): Promise<Record<string, number>> {
  const first = await listEvents(connections, 'work', { limit: PAGE });
  let deep = first.nextCursor;
  for (let page = 0; page < 20 && deep !== undefined; page++) {
    deep = (await listEvents(connections, 'work', { limit: 500, cursor: deep })).nextCursor;
  }
  return {
    jobs: await timed(() => listJobs(connections)),
    events: await timed(() => listEvents(connections, 'work', { limit: PAGE })),
    eventsDeep: await timed(() => listEvents(connections, 'work', { limit: PAGE, cursor: deep })),
    runs: await timed(() => listRuns(connections, { limit: PAGE })),
    runsOfJob: await timed(() => listRuns(connections, { jobId: 'work', limit: PAGE })),
  };
}

async function timed(list: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const startMs = performance.now();
    await list();
    times.push(performance.now() - startMs);
  }
  return rounded(median(times));
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const rounded = (value: number): number => Math.round(value * 100) / 100;
