import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { z } from 'zod';
import { defineJob, PermanentFailure, type AnyJob, type JobContext, type JobsOptions } from '../src/index.ts';
import { closeForgottenRuns } from '../src/reports/close-forgotten.ts';
import { reportRun } from '../src/reports/report-run.ts';
import { startTestJobs, type TestJobs } from './support/start.ts';

let testDatabase: TestDatabase;
const running: TestJobs[] = [];

beforeAll(async () => {
  testDatabase = await withTestDatabase();
});
afterAll(() => testDatabase.close());

let next = 0;
let id: string;
beforeEach(() => {
  id = `job-${next++}`;
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((jobs) => jobs.stop(1000)));
});

async function start(jobs: readonly AnyJob[], options: Partial<JobsOptions> = {}): Promise<TestJobs> {
  const started = await startTestJobs(testDatabase.connectionString, jobs, options);
  running.push(started);
  return started;
}

const one = async <Row>(jobs: TestJobs, text: string, values: unknown[] = [id]): Promise<Row | undefined> =>
  (await jobs.connections.query(text, values)).rows[0] as Row | undefined;

const metricsOf = (jobs: TestJobs) =>
  one<{ total: number; ok: number; failed: number }>(
    jobs,
    'SELECT total_executions AS total, success_count AS ok, failure_count AS failed FROM job_metrics WHERE job_id = $1',
  );

async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const track = z.object({ trackId: z.int() });

describe('an event', () => {
  test('is run with its input, and the run is kept and counted', async () => {
    const seen: unknown[] = [];
    const job = defineJob({
      id,
      input: track,
      run: (input, context) => {
        context.log.info('rendering', { size: 'large' });
        context.itemsProcessed(3);
        seen.push(input);
        return { cover: 'done' };
      },
    });
    const jobs = await start([job]);
    const { eventId, isDuplicate } = await jobs.enqueue(job, { trackId: 7 });
    await jobs.untilEnded(1);
    expect({ seen, isDuplicate }).toEqual({ seen: [{ trackId: 7 }], isDuplicate: false });
    const run = await one(jobs, 'SELECT * FROM job_runs WHERE event_id = $1', [eventId]);
    expect(run).toMatchObject({
      job_id: id,
      status: 'SUCCEEDED',
      attempt: 1,
      trigger: 'enqueue',
      output: { cover: 'done' },
      items_processed: '3',
      logs: [{ level: 'info', message: 'rendering', fields: { size: 'large' } }],
    });
    expect(await metricsOf(jobs)).toEqual({ total: 1, ok: 1, failed: 0 });
    expect((await jobs.boss.getJobById(id, eventId))?.state).toBe('completed');
  });

  test('whose input does not fit is refused when it is enqueued', async () => {
    const job = defineJob({ id, input: track, run: () => {} });
    const jobs = await start([job]);
    await expect(jobs.enqueue(job, { trackId: 'seven' } as never)).rejects.toThrow(
      new RegExp(`input of job "${id}" refused: trackId: .*expected`),
    );
    expect(await jobs.boss.findJobs(id)).toEqual([]);
  });

  test('is there when the transaction that enqueued it commits, and never was when it does not', async () => {
    const job = defineJob({ id, input: track, run: () => {} });
    const jobs = await start([job]);
    const rolledBack = jobs.connections.transaction(async (transaction) => {
      await jobs.enqueue(job, { trackId: 1 }, { transaction });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    await jobs.connections.transaction((transaction) => jobs.enqueue(job, { trackId: 2 }, { transaction }));
    await jobs.untilEnded(1);
    expect(await metricsOf(jobs)).toEqual({ total: 1, ok: 1, failed: 0 });
  });

  test('that fails is tried again, then kept whole among the dead letters', async () => {
    const job = defineJob({
      id,
      input: track,
      retries: 1,
      run: ({ trackId }) => {
        throw new RangeError(`no cover for track ${trackId}`);
      },
    });
    const jobs = await start([job]);
    const { eventId } = await jobs.enqueue(job, { trackId: 7 });
    const dead = await eventually(() => one(jobs, 'SELECT * FROM dead_letter_queue WHERE job_id = $1'));
    expect(dead).toMatchObject({
      event_id: eventId,
      event_data: { trackId: 7 },
      error: 'no cover for track 7',
      error_name: 'RangeError',
      attempts: 2,
      status: 'PENDING',
    });
    expect((dead as unknown as { stack: string }).stack).toContain('jobs.test');
    expect(await metricsOf(jobs)).toEqual({ total: 2, ok: 0, failed: 2 });
  });

  test('that cannot succeed is not tried again', async () => {
    const job = defineJob({
      id,
      input: track,
      retries: 5,
      run: () => {
        throw new PermanentFailure('the track was deleted');
      },
    });
    const jobs = await start([job]);
    await jobs.enqueue(job, { trackId: 7 });
    await eventually(() => one(jobs, 'SELECT * FROM dead_letter_queue WHERE job_id = $1'));
    expect(await metricsOf(jobs)).toEqual({ total: 1, ok: 0, failed: 1 });
  });

  test('does not wait behind one that fails', async () => {
    const job = defineJob({
      id,
      input: track,
      retries: 5,
      backoff: { minMs: 60_000 },
      run: ({ trackId }) => {
        if (trackId === 0) throw new Error('poison');
      },
    });
    const jobs = await start([job]);
    await jobs.enqueue(job, { trackId: 0 });
    await jobs.enqueue(job, { trackId: 1 });
    await jobs.untilEnded(2);
    expect(await metricsOf(jobs)).toEqual({ total: 2, ok: 1, failed: 1 });
  });
});

describe('a run', () => {
  test('is written down whatever characters its log, its progress, its output and its error have', async () => {
    const text = 'a\u0000b \ud800 "\\u0000" 😀';
    const job = defineJob({
      id,
      input: z.object({ fails: z.boolean() }),
      retries: 0,
      run: ({ fails }, { log, progress }) => {
        log.info(text, { text });
        progress(1, 1, text);
        if (fails) throw new Error(text);
        return { [text]: text };
      },
    });
    const jobs = await start([job]);
    for (const fails of [false, true]) await jobs.enqueue(job, { fails });
    const ended = await jobs.untilEnded(2);
    expect(ended.map(({ end }) => end).sort()).toEqual(['FAILED', 'SUCCEEDED']);
    const kept = 'a\ufffdb \ufffd "\\u0000" 😀';
    const run = await one(
      jobs,
      "SELECT logs, output, progress FROM job_runs WHERE job_id = $1 AND status = 'SUCCEEDED'",
    );
    expect(run).toMatchObject({ logs: [{ message: kept }], output: { [kept]: kept }, progress: { note: kept } });
  });

  test('that outlives its time limit is stopped by its signal, and recorded so', async () => {
    let reason: unknown;
    const job = defineJob({
      id,
      input: z.object({}),
      timeoutMs: 150,
      retries: 0,
      run: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            reject(new Error('stopped'));
          });
        }),
    });
    const jobs = await start([job]);
    await jobs.enqueue(job, {});
    const [run] = await jobs.untilEnded(1);
    expect(run).toMatchObject({ end: 'TIMED_OUT' });
    expect(reason).toMatchObject({ name: 'RunStopped', kind: 'timeout' });
    const kept = await one(jobs, 'SELECT status, error FROM job_runs WHERE job_id = $1');
    expect(kept).toMatchObject({ status: 'TIMED_OUT', error: { message: 'The run reached its time limit.' } });
  });

  test('that does not heed its signal is recorded as timed out all the same, whatever it returns later', async () => {
    let finish = (): void => {};
    const job = defineJob({
      id,
      input: z.object({}),
      timeoutMs: 100,
      retries: 0,
      run: async () => {
        await new Promise<void>((resolve) => (finish = resolve));
      },
    });
    const jobs = await start([job]);
    await jobs.enqueue(job, {});
    expect(await jobs.untilEnded(1)).toMatchObject([{ end: 'TIMED_OUT' }]);
    finish();
    expect(await metricsOf(jobs)).toEqual({ total: 1, ok: 0, failed: 1 });
  });

  test('shows its progress while it goes on', async () => {
    let finish = (): void => {};
    const job = defineJob({
      id,
      input: z.object({}),
      run: async (_input, { progress }) => {
        progress(3, 10, 'rendering');
        await new Promise<void>((resolve) => (finish = resolve));
      },
    });
    const jobs = await start([job]);
    await jobs.enqueue(job, {});
    const seen = await eventually(() =>
      one(jobs, "SELECT progress FROM job_runs WHERE job_id = $1 AND status = 'RUNNING' AND progress IS NOT NULL"),
    );
    expect(seen).toMatchObject({ progress: { done: 3, total: 10, note: 'rendering' } });
    finish();
    await jobs.untilEnded(1);
  });

  test('is stopped when it is cancelled, and its event is over', async () => {
    const job = defineJob({ id, input: z.object({}), run: untilStopped });
    const jobs = await start([job]);
    const { eventId } = await jobs.enqueue(job, {});
    await eventually(() => one(jobs, "SELECT 1 FROM job_runs WHERE job_id = $1 AND status = 'RUNNING'"));
    await jobs.connections.query('UPDATE job_runs SET cancel_requested_at = now() WHERE job_id = $1', [id]);
    expect(await jobs.untilEnded(1)).toMatchObject([{ end: 'CANCELLED' }]);
    expect((await jobs.boss.getJobById(id, eventId))?.state).toBe('cancelled');
    expect(await metricsOf(jobs)).toBeUndefined();
  });

  test('goes back into the queue when its process ends, and uses up no try', async () => {
    const job = defineJob({ id, input: z.object({}), retries: 0, run: untilStopped });
    const first = await start([job]);
    await first.enqueue(job, {});
    await eventually(() => one(first, "SELECT 1 FROM job_runs WHERE job_id = $1 AND status = 'RUNNING'"));
    running.splice(0);
    await first.stop(10);
    const again = defineJob({ id, input: z.object({}), retries: 0, run: () => {} });
    const second = await start([again]);
    await second.untilEnded(1);
    expect(await metricsOf(second)).toEqual({ total: 1, ok: 1, failed: 0 });
  });

  function untilStopped(_input: unknown, { signal }: JobContext): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }
});

describe('a key', () => {
  test('is worked on once, whoever enqueues it and however often', async () => {
    let runs = 0;
    const job = defineJob({ id, input: track, idempotencyKey: ({ trackId }) => `${trackId}`, run: () => ++runs });
    const jobs = await start([job]);
    const all = await Promise.all(Array.from({ length: 5 }, () => jobs.enqueue(job, { trackId: 7 })));
    await jobs.untilEnded(1);
    const late = await jobs.enqueue(job, { trackId: 7 });
    await jobs.enqueue(job, { trackId: 8 });
    await jobs.untilEnded(2);
    expect(new Set([...all, late].map(({ eventId }) => eventId)).size).toBe(1);
    expect([...all, late].filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(1);
    expect(runs).toBe(2);
  });
});

describe('an effect', () => {
  test('is committed with the success of its run, and not at all when the run fails', async () => {
    const job = defineJob({
      id,
      input: z.object({ fails: z.boolean() }),
      retries: 0,
      run: ({ fails }, { effect }) => {
        effect(async (sql) => {
          await sql.query(`INSERT INTO audit_log (actor, action, subject) VALUES ('test', 'effect', $1)`, [id]);
          if (fails) throw new Error('the effect refused');
        });
      },
    });
    const jobs = await start([job]);
    await jobs.enqueue(job, { fails: false });
    await jobs.enqueue(job, { fails: true });
    await jobs.untilEnded(2);
    expect(await one(jobs, 'SELECT count(*)::int AS count FROM audit_log WHERE subject = $1')).toEqual({ count: 1 });
    expect(await metricsOf(jobs)).toEqual({ total: 2, ok: 1, failed: 1 });
    const failed = await one(jobs, "SELECT error FROM job_runs WHERE job_id = $1 AND status = 'FAILED'");
    expect(failed).toMatchObject({ error: { message: 'the effect refused' } });
  });
});

describe('a schedule', () => {
  test('fires once for each due time, however many processes look at it', async () => {
    const job = defineJob({ id, input: z.object({}), schedule: { cron: '0 2 * * *' }, run: () => {} });
    const all = await Promise.all([start([job]), start([job]), start([job])]);
    const [jobs] = all;
    await jobs.connections.query(
      "UPDATE job_definitions SET next_due_at = now() - interval '1 minute' WHERE job_id = $1",
      [id],
    );
    await eventually(() => one(jobs, "SELECT 1 FROM job_runs WHERE job_id = $1 AND status = 'SUCCEEDED'"));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const runs = await jobs.connections.query('SELECT trigger, due_at FROM job_runs WHERE job_id = $1', [id]);
    expect(runs.rows).toEqual([{ trigger: 'schedule', due_at: expect.any(Date) }]);
    expect((runs.rows[0] as { due_at: Date }).due_at.toISOString()).toMatch(/T02:00:00.000Z$/);
  });
});

describe('definitions that are replaced while jobs run', () => {
  test('count for what begins from then on: runs end as they began, new jobs run, and those left out are retired', async () => {
    const seen: string[] = [];
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const job = (name: string, run: () => unknown) =>
      defineJob({ id: name, input: z.object({}), exclusive: true, run });
    const before = job(id, async () => {
      begun.resolve();
      await end.promise;
      seen.push('before');
    });
    const jobs = await start([before, job(`${id}-left-out`, () => {})]);
    await jobs.enqueue(before, {});
    await begun.promise;
    const [after, added] = [job(id, () => seen.push('after')), job(`${id}-added`, () => seen.push('added'))];
    await jobs.redefine([after, added]);
    await jobs.enqueue(added, {});
    await jobs.untilEnded(1);
    await jobs.enqueue(after, {});
    end.resolve();
    await jobs.untilEnded(3);
    expect(seen).toEqual(['added', 'before', 'after']);
    const known = await jobs.connections.query(
      'SELECT job_id, retired_at IS NOT NULL AS retired FROM job_definitions WHERE job_id LIKE $1 ORDER BY 1',
      [`${id}%`],
    );
    expect(known.rows).toEqual([
      { job_id: id, retired: false },
      { job_id: `${id}-added`, retired: false },
      { job_id: `${id}-left-out`, retired: true },
    ]);
    await expect(jobs.redefine([after, after])).rejects.toThrow('two jobs have the id');
  });
});

describe('a run that began elsewhere', () => {
  test('and whose end is never reported is ended after a day of silence, or soon when it was to be stopped', async () => {
    const { connections } = await start([]);
    const report = (runId: string) => reportRun(connections, id, { status: 'started', runId });
    const [forgotten, stopped, alive] = [await report('one'), await report('two'), await report('three')];
    await connections.query(
      "UPDATE job_runs SET started_at = now() - interval '30 hours', heartbeat_at = now() - interval '25 hours' WHERE id = $1",
      [forgotten.runId],
    );
    await connections.query(
      "UPDATE job_runs SET cancel_requested_at = now() - interval '1 hour', heartbeat_at = now() - interval '1 hour' WHERE id = $1",
      [stopped.runId],
    );
    expect([await closeForgottenRuns(connections), await closeForgottenRuns(connections)]).toEqual([2, 0]);
    const { rows } = await connections.query<{ id: string; status: string }>(
      'SELECT id, status FROM job_runs WHERE job_id = $1',
      [id],
    );
    expect(Object.fromEntries(rows.map((run) => [run.id, run.status]))).toEqual({
      [forgotten.runId]: 'LOST',
      [stopped.runId]: 'CANCELLED',
      [alive.runId]: 'RUNNING',
    });
    const metrics = await connections.query('SELECT total_executions, lost_count FROM job_metrics WHERE job_id = $1', [
      id,
    ]);
    expect(metrics.rows).toEqual([{ total_executions: 1, lost_count: 1 }]);
  });
});
