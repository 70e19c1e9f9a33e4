import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { defineJob, startJobs, type Jobs } from '@clearway/jobs';
import { z } from 'zod';
import { silent } from './silent.ts';

const work = defineJob({
  id: 'work',
  input: z.object({ fails: z.boolean() }),
  concurrency: 20,
  retries: 0,
  run: ({ fails }) => {
    if (fails) throw new RangeError('no cover');
  },
});

/** A database with jobs on it, and how many runs have ended. */
export interface Side {
  readonly database: TestDatabase;
  readonly jobs: Jobs;
  readonly ended: () => number;
}

export async function startSide(): Promise<Side> {
  const database = await withTestDatabase();
  let ended = 0;
  const { connectionString } = database;
  const onRunEnded = (): void => void ended++;
  const times = { pollMs: 50, replayMs: 100 };
  const jobs = await startJobs({ connectionString, service: 'proof', jobs: [work], log: silent, onRunEnded, times });
  return { database, jobs, ended: () => ended };
}

export async function stopSide({ jobs, database }: Side): Promise<void> {
  await jobs.stop(1000);
  await database.close();
}

/**
 * How long so many events take from being enqueued at once to their end, in milliseconds: for those that fail, to their
 * place among the dead letters.
 */
export async function takeEvents({ jobs, ended }: Side, count: number, fails: boolean): Promise<number> {
  const { connections } = jobs;
  const until = ended() + count;
  const startMs = performance.now();
  await connections.query(ENQUEUE, [count, fails]);
  await connections.query("SELECT pg_notify('clearway_jobs', 'work')");
  while (ended() < until || (fails && (await isAnyOnItsWay(jobs)))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - startMs;
}

const ENQUEUE = `
  INSERT INTO pgboss.job (name, data, keep_until, expire_seconds, heartbeat_seconds, dead_letter, retry_limit)
  SELECT 'work', jsonb_build_object('input', jsonb_build_object('fails', $2::boolean), 'trigger', 'enqueue'),
    now() + interval '1 year', 120, 30, 'clearway.dead-letters', 0
  FROM generate_series(1, $1::int)`;

/** Whether an event that failed has yet to be taken in; the question costs the same beside many letters and beside none. */
async function isAnyOnItsWay({ connections }: Jobs): Promise<boolean> {
  const { rowCount } = await connections.query(
    "SELECT 1 FROM pgboss.job WHERE name = 'clearway.dead-letters' AND state < 'completed' LIMIT 1",
  );
  return rowCount === 1;
}

const BATCH = 10_000;

/**
 * Letters as they come together over some weeks: of 50 jobs, of which one has two fifths of them; of 2,000 kinds, of which
 * one has a third; half of them over; each with a stack and an event of one to two kilobytes.
 */
export async function addLetters(
  { connections }: Jobs,
  count: number,
  progress: (text: string) => void,
): Promise<void> {
  for (let done = 0; done < count; done += BATCH) {
    await connections.query(LETTERS, [done + 1, Math.min(count, done + BATCH)]);
    progress(`${done + BATCH} dead letters`);
  }
}

const LETTERS = `
  INSERT INTO dead_letter_queue (job_id, event_data, error, error_name, stack, signature, event_id, status, attempts, key,
    discarded_at, trace_id, metadata, created_at, last_attempt_at, processed_at)
  SELECT CASE WHEN i % 5 < 2 THEN 'work' ELSE 'job-' || (i % 49) END,
    jsonb_build_object('trackId', i, 'text', (SELECT string_agg(md5((i * n)::text), '') FROM generate_series(1, 20 + i % 30) n)),
    'no cover for track ' || i || ' of ' || md5((i * 7)::text), 'RangeError',
    (SELECT string_agg('    at fn' || n || ' (/srv/app/dist/src/' || md5((i % 100 + n)::text) || '.js:' || (i % 100) || ':11)', E'\\n')
     FROM generate_series(1, 10) n),
    CASE WHEN i % 3 = 0 THEN 'aaaaaaaaaaaaaaaa' ELSE substr(md5((i % 2000)::text), 1, 16) END, gen_random_uuid(),
    (CASE WHEN i % 1000 = 7 THEN 'FAILED' WHEN i % 2 = 0 THEN 'SUCCEEDED' ELSE 'PENDING' END)::dead_letter_status, 3, 'key-' || i,
    CASE WHEN i % 50 = 1 THEN now() END, md5(i::text), '{"trigger":"enqueue"}',
    now() - i * interval '20 seconds', now() - i * interval '20 seconds', CASE WHEN i % 2 = 0 THEN now() END
  FROM generate_series($1::int, $2::int) AS i`;
