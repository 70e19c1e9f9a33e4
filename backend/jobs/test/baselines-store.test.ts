import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newBaseline, observe } from '../src/baselines/detector.ts';
import { readBaselines } from '../src/baselines/read-baselines.ts';
import { changeBaseline, observeEndedRuns } from '../src/baselines/store.ts';
import { openConnections, type Connections } from '../src/queue/connections.ts';
import type { ObservedRun } from '../src/baselines/types.ts';
import { healthyRuns, take, times } from './support/healthy-job.ts';

let database: TestDatabase;
let workers: Connections[];
const sql = (): Connections => workers[0]!;

beforeAll(async () => {
  database = await withTestDatabase();
  const { connectionString } = database;
  workers = ['a', 'b', 'c'].map((applicationName) =>
    openConnections({ connectionString, applicationName, poolSize: 2, onProblem: () => {} }),
  );
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  await database.close();
});

/** Writes ended runs as workers and reports do; their ids are the database's. */
async function writeRuns(jobId: string, runs: readonly ObservedRun[], status = 'SUCCEEDED'): Promise<ObservedRun[]> {
  const { rows } = await sql().query<{ id: string }>(
    `INSERT INTO job_runs (job_id, status, trigger, started_at, ended_at, duration_ms, items_processed)
     SELECT $1, $2::job_run_status, 'schedule', to_timestamp(at / 1000), to_timestamp((at + ms) / 1000), ms, items
     FROM unnest($3::float8[], $4::float8[], $5::bigint[]) WITH ORDINALITY AS run (at, ms, items, n) ORDER BY n RETURNING id`,
    [
      jobId,
      status,
      runs.map((run) => run.startedAtMs),
      runs.map((run) => run.durationMs),
      runs.map((run) => run.itemsProcessed ?? null),
    ],
  );
  return runs.map((run, index) => ({ ...run, id: rows[index]!.id }));
}

const change = (jobId: string, what: 'accept' | 'relearn'): Promise<boolean> =>
  sql().transaction((transaction) => changeBaseline(transaction, jobId, what));

const baselineOf = async (jobId: string) => (await readBaselines(sql(), jobId))[0]!;

describe('baselines in the database', () => {
  test('a job is learnt from its ended runs, then found slow: the row says it all, and the change is told once', async () => {
    const runs = healthyRuns();
    await writeRuns('nightly', take(runs, 60));
    expect(await observeEndedRuns(sql())).toMatchObject([
      { jobId: 'nightly', before: 'learning', verdict: { kind: 'normal' } },
    ]);
    const frozen = await baselineOf('nightly');
    expect(frozen).toMatchObject({ phase: 'frozen', verdict: 'normal', sampleSize: 60 });
    expect(frozen.baselineAvgMs).toBeGreaterThan(300);
    expect(frozen.baselineAvgMs).toBeLessThan(380);
    expect(frozen.baselineP95Ms).toBeGreaterThan(frozen.baselineAvgMs);

    const [first] = await writeRuns('nightly', take(runs, 5, times(2)));
    expect(await observeEndedRuns(sql())).toMatchObject([{ before: 'normal', verdict: { kind: 'slow' } }]);
    expect(await observeEndedRuns(sql())).toEqual([]);
    const slow = await baselineOf('nightly');
    expect(slow).toMatchObject({ verdict: 'slow', sinceRunId: first!.id, sinceAt: new Date(first!.startedAtMs) });
    expect(slow.evidence).toMatch(/times its usual 3\d\d ms over the last 5 runs/);
    expect(slow.baselineAvgMs).toBe(frozen.baselineAvgMs);
  });

  test('failed runs are passed over', async () => {
    const runs = healthyRuns();
    await writeRuns('flaky', take(runs, 60));
    await observeEndedRuns(sql());
    await writeRuns('flaky', take(runs, 10, times(9)), 'FAILED');
    expect(await observeEndedRuns(sql())).toEqual([]);
    const { rowCount } = await sql().query("SELECT 1 FROM job_runs WHERE job_id = 'flaky' AND NOT observed");
    expect(rowCount).toBe(0);
  });

  test('three workers at once observe every run once, in the order in which the runs began', async () => {
    const runs = new Map(['x', 'y', 'z'].map((jobId, index) => [jobId, take(healthyRuns({ seed: 11 + index }), 90)]));
    const written = new Map<string, ObservedRun[]>([...runs.keys()].map((jobId) => [jobId, []]));
    const write = async (): Promise<void> => {
      for (let from = 0; from < 90; from += 9) {
        for (const [jobId, list] of runs) {
          // within a batch they end in another order than they began
          written.get(jobId)!.push(...(await writeRuns(jobId, list.slice(from, from + 9).toReversed())));
        }
      }
    };
    let isWriting = true;
    const watch = async (worker: Connections): Promise<void> => {
      while (isWriting) await observeEndedRuns(worker);
    };
    const watching = workers.map(watch);
    await write();
    isWriting = false;
    await Promise.all(watching);
    while ((await sql().query('SELECT 1 FROM job_runs WHERE NOT observed LIMIT 1')).rowCount! > 0)
      await observeEndedRuns(sql());
    for (const [jobId, list] of written) {
      let state = newBaseline();
      for (const run of list.toSorted((a, b) => a.startedAtMs - b.startedAtMs)) ({ state } = observe(state, run));
      const { rows } = await sql().query('SELECT state FROM performance_baselines WHERE job_id = $1', [jobId]);
      expect(rows[0]).toEqual({ state: JSON.parse(JSON.stringify(state)) as unknown });
    }
  });

  test('accepting and relearning change the row under the same lock', async () => {
    const runs = healthyRuns();
    await writeRuns('accepted', [...take(runs, 60), ...take(runs, 5, times(3))]);
    await observeEndedRuns(sql());
    expect((await baselineOf('accepted')).verdict).toBe('slow');
    expect(await change('accepted', 'accept')).toBe(true);
    expect(await baselineOf('accepted')).toMatchObject({ phase: 'learning', verdict: 'learning', sinceRunId: null });
    await writeRuns('accepted', take(runs, 10, times(3)));
    await observeEndedRuns(sql());
    expect((await baselineOf('accepted')).verdict).toBe('learning');
    await change('accepted', 'relearn');
    expect(await baselineOf('accepted')).toMatchObject({ phase: 'learning', sampleSize: 0 });
    expect(await change('unknown', 'accept')).toBe(false);
  });

  test('the time zone of a baseline is that of its schedule', async () => {
    await sql().query(`INSERT INTO job_definitions (job_id, source, settings)
      VALUES ('zoned', 'defined', '{"schedule":{"timeZone":"Europe/Berlin"}}')`);
    await writeRuns('zoned', take(healthyRuns(), 1));
    await observeEndedRuns(sql());
    const { rows } = await sql().query(
      "SELECT state ->> 'timeZone' AS zone FROM performance_baselines WHERE job_id = 'zoned'",
    );
    expect(rows).toEqual([{ zone: 'Europe/Berlin' }]);
  });
});
