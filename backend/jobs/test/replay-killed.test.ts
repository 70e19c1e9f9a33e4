import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Replay } from '@clearway/contracts';
import { z } from 'zod';
import { createReplay, defineJob, listAudit, readReplay, type Connections } from '../src/index.ts';
import { openConnections } from '../src/queue/connections.ts';
import { addLetters, wrongGroups } from './support/dead-letters.ts';
import { startTestJobs } from './support/start.ts';

const COUNT = 80;
const KILLS = 2;
const jobId = 'fragile';

let testDatabase: TestDatabase;
let sql: Connections;
let child: ChildProcess | undefined;

beforeAll(async () => {
  testDatabase = await withTestDatabase();
  const onProblem = (): void => {};
  sql = openConnections({
    connectionString: testDatabase.connectionString,
    applicationName: 'test',
    poolSize: 4,
    onProblem,
  });
  await sql.query('CREATE TABLE effects (n int); CREATE TABLE begun (n int)');
});
afterEach(() => void child?.kill('SIGKILL'));
afterAll(async () => {
  await sql.close();
  await testDatabase.close();
});

async function startWorker(id = jobId): Promise<ChildProcess> {
  const script = path.join(import.meta.dirname, 'support/replay-child.ts');
  const args = ['-C', '@clearway/source', script, testDatabase.connectionString, id];
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout) await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  return child;
}

async function until(replayId: string, holds: (replay: Replay) => boolean): Promise<Replay> {
  for (;;) {
    const replay = await readReplay(sql, replayId);
    if (replay && holds(replay)) return replay;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** As if the time had passed after which a silent worker counts as lost. */
const letTimePass = () =>
  sql.query("UPDATE pgboss.job SET heartbeat_on = heartbeat_on - interval '1 minute' WHERE state = 'active'");

test('a paced canary replay goes on after kill -9 of its worker, at any stage, and does nothing twice', async () => {
  const worker = await startWorker();
  await addLetters(
    sql,
    Array.from({ length: COUNT }, (_, n) => ({ jobId, event: { n } })),
  );
  const order = { selection: { jobId }, canary: true, few: 10, eventsPerSecond: 60, stopOn: 'same-signature' } as const;
  const replayId = await createReplay(sql, order, { actor: 'operator', reason: 'test' });

  let running = worker;
  for (let kill = 1; kill <= KILLS; kill++) {
    // within the first stages, then within the rest
    await until(replayId, ({ counts }) => counts.succeeded >= kill * 8 && counts.released > 0);
    running.kill('SIGKILL');
    await once(running, 'exit');
    expect(await readReplay(sql, replayId)).toMatchObject({ status: 'RUNNING' });
    running = await startWorker();
    await letTimePass();
  }

  expect(await until(replayId, ({ status }) => status !== 'RUNNING')).toMatchObject({
    status: 'COMPLETED',
    counts: { succeeded: COUNT, failed: 0, skipped: 0, withdrawn: 0, waiting: 0, released: 0 },
  });
  const { rows } = await sql.query('SELECT n, count(*)::int FROM effects GROUP BY n HAVING count(*) <> 1');
  expect(rows).toEqual([]);
  const figures = await sql.query<{ effects: number; begun: number; succeeded: number; lost: number }>(`
    SELECT (SELECT count(*)::int FROM effects) AS effects, (SELECT count(*)::int FROM begun) AS begun,
      (SELECT count(*)::int FROM job_runs WHERE status = 'SUCCEEDED') AS succeeded,
      (SELECT count(*)::int FROM job_runs WHERE status = 'LOST') AS lost`);
  const { effects, begun, succeeded, lost } = figures.rows[0] ?? { effects: 0, begun: 0, succeeded: 0, lost: 0 };
  expect([effects, succeeded]).toEqual([COUNT, COUNT]);
  // each kill hit runs that had begun: they were begun again, and nothing else was
  expect(lost).toBeGreaterThanOrEqual(KILLS);
  expect(begun).toBeLessThanOrEqual(COUNT + lost);
  expect((await listAudit(sql, { limit: 10, subject: `replay:${replayId}` })).entries).toHaveLength(1);
  expect(await wrongGroups(sql)).toEqual([]);
}, 120_000);

test('an event that kills its worker is a dead letter after its tries, and all others are done', async () => {
  const job = defineJob({ id: 'poisoned', input: z.object({ n: z.int() }), run: () => {} });
  const client = await startTestJobs(testDatabase.connectionString, [job], { isWorking: false });
  const numbers = [1001, 1002, 1003];
  try {
    const { eventId } = await client.enqueue(job, { n: -1 });
    await sql.query('UPDATE pgboss.job SET retry_limit = 1, retry_delay = 1 WHERE id = $1', [eventId]);
    for (const n of numbers) await client.enqueue(job, { n });
    for (let kills = 0; kills < 2; kills++) {
      const worker = await startWorker('poisoned');
      if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit');
      await letTimePass();
    }
    await startWorker('poisoned');
    const isOver = async (): Promise<boolean> => {
      const { rows } = await sql.query<{ letters: number; done: number }>(
        `SELECT (SELECT count(*)::int FROM dead_letter_queue WHERE event_id = $1) AS letters,
           (SELECT count(*)::int FROM effects WHERE n = ANY ($2)) AS done`,
        [eventId, numbers],
      );
      return rows[0]?.letters === 1 && rows[0].done === numbers.length;
    };
    while (!(await isOver())) await letTimePass().then(() => new Promise((resolve) => setTimeout(resolve, 100)));
    const { rows } = await sql.query('SELECT attempts, error_name, status FROM dead_letter_queue WHERE event_id = $1', [
      eventId,
    ]);
    expect(rows).toMatchObject([{ attempts: 2, status: 'PENDING' }]);
    expect((await sql.query('SELECT n FROM begun WHERE n = -1')).rows).toHaveLength(2);
  } finally {
    await client.stop(0);
  }
}, 120_000);
