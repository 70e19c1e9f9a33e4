import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Replay } from '@clearway/contracts';
import { createReplay, listAudit, readReplay, type Connections } from '../src/index.ts';
import { openConnections } from '../src/queue/connections.ts';
import { addLetters, wrongGroups } from './support/dead-letters.ts';

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
afterAll(async () => {
  child?.kill('SIGKILL');
  await sql.close();
  await testDatabase.close();
});

async function startWorker(): Promise<ChildProcess> {
  const script = path.join(import.meta.dirname, 'support/replay-child.ts');
  const args = ['-C', '@clearway/source', script, testDatabase.connectionString, jobId];
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout) await once(child.stdout, 'data');
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
}, 60_000);
