import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { jobHealthSchema, jobBaselineSchema, type JobHealthDocument } from '@clearway/contracts';
import { createDatabase, type Database } from '@clearway/database';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { startWhole, type WorkerUnderTest } from './support/worker.ts';

let database: TestDatabase;
let worker: WorkerUnderTest;
let own: Database;

beforeAll(async () => {
  database = await withTestDatabase();
  worker = await startWhole({ DATABASE_URL: database.connectionString });
  await worker.migrated;
  own = createDatabase({ connectionString: database.connectionString, applicationName: 'test' });
  // the jobs start a moment after the tables are there
  while ((await fetch(`${worker.origin}/api/jobs`)).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 50));
});
afterAll(async () => {
  await own.close();
  await worker.close();
  await database.close();
});
afterEach(() =>
  own.pool.query(
    "DELETE FROM job_runs WHERE job_id LIKE 'test-%'; DELETE FROM job_definitions WHERE job_id LIKE 'test-%'",
  ),
);

type JudgedJob = JobHealthDocument['jobs'][number];

/** Asks until the job is in one of these states. */
async function untilState(jobId: string, ...states: string[]): Promise<JudgedJob> {
  for (;;) {
    const answer = await fetch(`${worker.origin}/api/health/jobs`);
    if (answer.status === 200) {
      const job = jobHealthSchema.parse(await answer.json()).jobs.find((each) => each.jobId === jobId);
      if (job && states.includes(job.state)) return job;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const post = (path: string, body: unknown): Promise<Response> =>
  fetch(worker.origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('a job that reports a failure is failing, with what it said, and healthy after a success', async () => {
  await post('/api/jobs/test-import/runs', { status: 'failure', error: 'the disk is full' });
  const failing = await untilState('test-import', 'failing');
  expect(failing.reasons[0]?.text).toContain('the disk is full');
  const metrics = await (await fetch(`${worker.origin}/metrics`)).text();
  expect(metrics).toContain('clearway_job_state{job="test-import",state="failing"} 1');
  await post('/api/jobs/test-import/runs', { status: 'success', durationMs: 5, itemsProcessed: 12 });
  expect((await untilState('test-import', 'healthy')).reasons).toEqual([]);
  const series = await (await fetch(`${worker.origin}/metrics`)).text();
  for (const line of [
    'executions_total{job="test-import",result="success"} 1',
    'executions_total{job="test-import",result="failure"} 1',
    'execution_seconds_total{job="test-import"} 0.005',
    'items_total{job="test-import"} 12',
    'execution_quantile_seconds{job="test-import",quantile="0.95"} 0.005',
  ]) {
    expect(series).toContain(`clearway_job_${line}`);
  }
  expect(series).toMatch(/clearway_job_last_success_timestamp_seconds\{job="test-import"\} 1\d{9}/);
});

test('a job that runs elsewhere is late when its report does not come, and what was due during a pause is nobody’s fault', async () => {
  // due five minutes ago, and not again while the test runs
  const minute = new Date(Date.now() - 5 * 60_000).getUTCMinutes();
  const expected = { cron: `${minute} * * * *`, graceSeconds: 1 };
  expect((await post('/api/jobs/test-cron/runs', { status: 'success', expected })).status).toBe(200);
  const wrong = await post('/api/jobs/test-cron/runs', { status: 'success', expected: { cron: 'never' } });
  expect([wrong.status, ((await wrong.json()) as { detail: string }).detail]).toEqual([
    409,
    expect.stringContaining('cron'),
  ]);
  await own.pool.query(
    `UPDATE job_definitions SET expected_since = now() - interval '10 minutes' WHERE job_id = 'test-cron';
     UPDATE job_runs SET started_at = now() - interval '9 minutes', ended_at = now() - interval '9 minutes'
     WHERE job_id = 'test-cron'`,
  );
  expect((await untilState('test-cron', 'silent', 'late')).reasons.length).toBeGreaterThan(0);
  await post('/api/jobs/test-cron/pause', { reason: 'maintenance' });
  await post('/api/jobs/test-cron/resume', { reason: 'done' });
  await untilState('test-cron', 'healthy');
});

test('a job that takes twice its time is slow, until an operator accepts it', async () => {
  await own.pool.query(
    "INSERT INTO job_definitions (job_id, source, settings, created_at) VALUES ('test-slow', 'reported', '{}', now() - interval '40 days')",
  );
  await insertRuns(200, 60, 1000);
  await insertRuns(20, 1, 2100);
  const slow = await untilState('test-slow', 'slow');
  expect(slow.reasons[0]?.text).toMatch(/2\.\d times/);
  const answer = await post('/api/jobs/test-slow/baseline/accept', { reason: 'it does twice the work now' });
  expect(jobBaselineSchema.parse(await answer.json()).jobId).toBe('test-slow');
  await untilState('test-slow', 'healthy');
  expect((await post('/api/jobs/test-nothing/baseline/relearn', { reason: 'x' })).status).toBe(404);
});

/** Hourly runs that ended, the last one so many hours ago. */
async function insertRuns(count: number, lastHoursAgo: number, durationMs: number): Promise<void> {
  await own.pool.query(
    `INSERT INTO job_runs (job_id, status, trigger, started_at, ended_at, duration_ms)
     SELECT 'test-slow', 'SUCCEEDED', 'report', at, at + $3 * interval '1 millisecond', $3 * (0.95 + (n * 37 % 100) / 1000.0)
     FROM (SELECT n, now() - (n + $2::int) * interval '1 hour' AS at FROM generate_series($1::int, 1, -1) AS n) runs`,
    [count, lastHoursAgo, durationMs],
  );
}
