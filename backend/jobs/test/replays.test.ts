import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { z } from 'zod';
import {
  cancelEvent,
  cancelReplay,
  createReplay,
  defineJob,
  discardDeadLetter,
  listAudit,
  matchReplay,
  readDeadLetter,
  readReplay,
  replayDeadLetter,
  type AnyJob,
  type InputRefused,
  type JobContext,
  type JobsOptions,
  type ReplayOrder,
} from '../src/index.ts';
import { restoreVanished } from '../src/dead-letters/replay/restore-vanished.ts';
import { addLetters, wrongGroups, type Letter } from './support/dead-letters.ts';
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
  const [jobs] = running;
  if (jobs) expect(await wrongGroups(jobs.connections)).toEqual([]);
  await Promise.all(running.splice(0).map((each) => each.stop(1000)));
});

const alice = { actor: 'operator (alice)', reason: 'the cover service is back' };
const bob = { actor: 'operator (bob)', reason: 'so is mine' };
const track = z.object({ trackId: z.int(), fails: z.string().optional() });
type Track = z.output<typeof track>;

/** A job that does what its events say, and remembers which it worked on. */
function trackJob(
  seen: number[],
  options: object = {},
  then: (input: Track, context: JobContext) => unknown = () => {},
) {
  return defineJob({
    id,
    input: track,
    retries: 0,
    ...options,
    run: async (input: Track, context) => {
      seen.push(input.trackId);
      if (input.fails !== undefined) throw new Error(input.fails);
      await then(input, context);
    },
  });
}

async function start(jobs: readonly AnyJob[], options: Partial<JobsOptions> = {}): Promise<TestJobs> {
  const started = await startTestJobs(testDatabase.connectionString, jobs, options);
  running.push(started);
  return started;
}

async function eventually<T>(probe: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const order = (more: Partial<ReplayOrder> = {}): ReplayOrder => ({
  selection: { jobId: id },
  canary: false,
  few: 3,
  eventsPerSecond: 1000,
  stopOn: 'same-signature',
  ...more,
});

const untilOver = (jobs: TestJobs, replayId: string) =>
  eventually(async () => {
    const replay = await readReplay(jobs.connections, replayId);
    return replay?.status !== 'RUNNING' && replay;
  });

const untilStatus = (jobs: TestJobs, letterId: string, status: string) =>
  eventually(async () => {
    const letter = await readDeadLetter(jobs.connections, letterId);
    return letter?.status === status && letter;
  });

const tracks = (count: number, more: (n: number) => Partial<Letter> = () => ({})): Letter[] =>
  Array.from({ length: count }, (_, i) => ({ jobId: id, event: { trackId: i + 1 }, ...more(i + 1) }));

describe('the replay of one letter', () => {
  test('runs its event again, tells who and why, and ends the letter', async () => {
    const seen: number[] = [];
    const jobs = await start([trackJob(seen)]);
    const [letterId = ''] = await addLetters(jobs.connections, tracks(1));
    const replayed = await replayDeadLetter(jobs, letterId, {}, alice);
    const letter = await untilStatus(jobs, letterId, 'SUCCEEDED');
    expect(seen).toEqual([1]);
    expect(letter.runs).toMatchObject([{ eventId: replayed?.eventId, status: 'SUCCEEDED', trigger: 'replay' }]);
    expect(letter.replays).toMatchObject([{ replayId: replayed?.replayId, ...alice, status: 'SUCCEEDED' }]);
    const { entries } = await listAudit(jobs.connections, { limit: 5, subject: `dead-letter:${letterId}` });
    expect(entries).toMatchObject([{ action: 'dead-letter.replay', ...alice, details: { isEdited: false } }]);
    expect(await untilOver(jobs, replayed?.replayId ?? '')).toMatchObject({
      status: 'COMPLETED',
      counts: { succeeded: 1 },
    });
    await expect(replayDeadLetter(jobs, letterId, {}, bob)).rejects.toThrow(
      /has succeeded: operator \(alice\) replayed it/,
    );
    expect(await replayDeadLetter(jobs, crypto.randomUUID(), {}, bob)).toBeUndefined();
  });

  test('that fails tells how, and may be replayed again', async () => {
    const jobs = await start([trackJob([], { retries: 1 })]);
    const [letterId = ''] = await addLetters(jobs.connections, [
      { jobId: id, event: { trackId: 1, fails: 'still no cover' } },
    ]);
    await replayDeadLetter(jobs, letterId, { retries: 0 }, alice);
    const letter = await untilStatus(jobs, letterId, 'FAILED');
    expect(letter).toMatchObject({
      error: 'still no cover',
      attempts: 4,
      event: { trackId: 1, fails: 'still no cover' },
    });
    expect(letter.signature).not.toBe('aaaa');
    expect(letter.runs).toHaveLength(1);
    await replayDeadLetter(jobs, letterId, { input: { trackId: 2 } }, alice);
    expect(await untilStatus(jobs, letterId, 'SUCCEEDED')).toMatchObject({
      event: { trackId: 1, fails: 'still no cover' },
      editedEvent: { trackId: 2 },
    });
  });

  test('begins once, whoever presses first; the other is told who did', async () => {
    const seen: number[] = [];
    const jobs = await start([trackJob(seen)]);
    for (const letterId of await addLetters(jobs.connections, tracks(5))) {
      const both = await Promise.allSettled([alice, bob].map((by) => replayDeadLetter(jobs, letterId, {}, by)));
      const reasons = both.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
      expect(reasons).toEqual([expect.stringMatching(/operator \((alice|bob)\) (began that|replayed it) at 20/)]);
      await untilStatus(jobs, letterId, 'SUCCEEDED');
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  test('and its discard exclude each other', async () => {
    const seen: number[] = [];
    const jobs = await start([trackJob(seen)]);
    for (const letterId of await addLetters(jobs.connections, tracks(5))) {
      const both = await Promise.allSettled([
        replayDeadLetter(jobs, letterId, {}, alice),
        discardDeadLetter(jobs, letterId, bob),
      ]);
      expect(both.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
    }
    const { rows } = await jobs.connections.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM dead_letter_queue WHERE job_id = $1 AND discarded_at IS NULL',
      [id],
    );
    await eventually(async () => seen.length === rows[0]?.count);
  });

  test('is refused with all problems of an edited input, here and where the job is not defined', async () => {
    const here = await start([trackJob([])]);
    const elsewhere = await start([], { service: 'api' });
    const [letterId = ''] = await addLetters(here.connections, tracks(1));
    const input = { trackId: 'one', fails: 7 };
    for (const jobs of [here, elsewhere]) {
      const refused = await replayDeadLetter(jobs, letterId, { input }, alice).catch((error: unknown) => error);
      const { problems } = refused as InputRefused;
      expect(problems.map(({ path }) => path).sort()).toEqual(['fails', 'trackId']);
    }
    const nul = { trackId: 1, fails: 'a\u0000' };
    await expect(replayDeadLetter(here, letterId, { input: nul }, alice)).rejects.toThrow(/U\+0000/);
    expect(await readDeadLetter(here.connections, letterId)).toMatchObject({ status: 'PENDING', replays: [] });
  });

  test('is refused when its job is gone, and says why', async () => {
    const first = await start([trackJob([])]);
    const [letterId = ''] = await addLetters(first.connections, [{ jobId: id }]);
    await addLetters(first.connections, [{ jobId: 'never-was' }]);
    const second = await start([]);
    await expect(replayDeadLetter(second, letterId, {}, alice)).rejects.toThrow(
      /is gone: service "test" has not defined it since its start/,
    );
    const both = createReplay(second.connections, order({ selection: { status: 'PENDING' } }), alice);
    await expect(both).rejects.toThrow(/"job-\d+" is gone.*job "never-was" is gone: no service defines it/);
    await start([trackJob([])]);
    await replayDeadLetter(second, letterId, {}, alice);
    await second.connections.query("DELETE FROM dead_letter_queue WHERE job_id = 'never-was'");
  });
});

describe('a replayed event', () => {
  const until = (_input: unknown, { signal }: JobContext): Promise<never> =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  test('that is cancelled in the queue, or while it runs, lets its letter wait as before', async () => {
    const jobs = await start([trackJob([], { concurrency: 1 }, until)]);
    const [runs = '', waits = ''] = await addLetters(
      jobs.connections,
      tracks(2, (n) => ({ status: n === 1 ? 'FAILED' : 'PENDING' })),
    );
    const first = await replayDeadLetter(jobs, runs, {}, alice);
    await eventually(async () => (await readDeadLetter(jobs.connections, runs))?.runs.length === 1);
    const second = await replayDeadLetter(jobs, waits, {}, alice);
    expect(await cancelEvent(jobs, id, second?.eventId ?? '', bob)).toBe('cancelled');
    expect(await cancelEvent(jobs, id, first?.eventId ?? '', bob)).toBe('asked');
    await untilStatus(jobs, waits, 'PENDING');
    await untilStatus(jobs, runs, 'FAILED');
    const replay = await untilOver(jobs, first?.replayId ?? '');
    expect(replay).toMatchObject({ status: 'COMPLETED', counts: { withdrawn: 1 } });
  });

  test('that vanishes from the queue lets its letter wait again', async () => {
    const jobs = await start([trackJob([])], { isWorking: false });
    const [letterId = ''] = await addLetters(jobs.connections, tracks(1));
    const replayed = await replayDeadLetter(jobs, letterId, {}, alice);
    expect(await restoreVanished(jobs.connections)).toBe(0);
    await jobs.boss.deleteJob(id, replayed?.eventId ?? '');
    expect(await restoreVanished(jobs.connections)).toBe(1);
    expect(await readDeadLetter(jobs.connections, letterId)).toMatchObject({ status: 'PENDING' });
  });

  test('whose worker dies in its last try is a failed replay, counted once', async () => {
    const jobs = await start([trackJob([], { retries: 0 }, until)]);
    const [letterId = ''] = await addLetters(jobs.connections, tracks(1));
    const replayed = await replayDeadLetter(jobs, letterId, {}, alice);
    await eventually(async () => (await readDeadLetter(jobs.connections, letterId))?.runs.length === 1);
    await jobs.boss.fail(id, replayed?.eventId ?? '', { value: { message: 'job heartbeat timeout' } });
    const letter = await untilStatus(jobs, letterId, 'FAILED');
    expect(letter).toMatchObject({ errorName: 'WorkerLost', runs: [{ status: 'LOST' }] });
    const all = await jobs.connections.query('SELECT 1 FROM dead_letter_queue WHERE job_id = $1', [id]);
    expect(all.rowCount).toBe(1);
  });
});

describe('the ledger', () => {
  const byTrack = { idempotencyKey: ({ trackId }: Track) => `${trackId}` };

  test('keeps a replay from doing what another event with its key has done', async () => {
    const seen: number[] = [];
    const job = trackJob(seen, byTrack);
    const jobs = await start([job]);
    const [letterId = ''] = await addLetters(
      jobs.connections,
      tracks(1, () => ({ key: '1' })),
    );
    await jobs.enqueue(job, { trackId: 1 });
    await jobs.untilEnded(1);
    expect(await readDeadLetter(jobs.connections, letterId)).toMatchObject({ isKeyDone: true });
    await replayDeadLetter(jobs, letterId, {}, alice);
    const letter = await untilStatus(jobs, letterId, 'SUCCEEDED');
    expect(letter.runs).toMatchObject([{ status: 'DUPLICATE' }]);
    expect(seen).toEqual([1]);
  });

  test('has the key of a replay that succeeded, and that of an edited input', async () => {
    const seen: number[] = [];
    const job = trackJob(seen, byTrack);
    const jobs = await start([job]);
    const [plain = '', edited = ''] = await addLetters(
      jobs.connections,
      tracks(2, (n) => ({ key: `${n}` })),
    );
    // where the job is not defined nobody can make its key
    const elsewhere = await start([], { service: 'api' });
    await replayDeadLetter(elsewhere, plain, {}, alice);
    await replayDeadLetter(elsewhere, edited, { input: { trackId: 7 } }, alice);
    await untilStatus(jobs, plain, 'SUCCEEDED');
    await untilStatus(jobs, edited, 'SUCCEEDED');
    const late = [];
    for (const trackId of [1, 7, 2]) late.push((await jobs.enqueue(job, { trackId })).isDuplicate);
    expect(late).toEqual([true, true, false]);
    await eventually(async () => seen.length === 3);
    expect(seen.sort()).toEqual([1, 2, 7]);
  });
});

describe('a canary', () => {
  /** How many runs there were when each stage began. */
  const stages = async (jobs: TestJobs, replayId: string): Promise<Map<string, number>> => {
    const seen = new Map<string, number>();
    await eventually(async () => {
      const replay = await readReplay(jobs.connections, replayId);
      if (replay)
        seen.set(replay.stage, Math.max(seen.get(replay.stage) ?? 0, replay.counts.succeeded + replay.counts.released));
      return replay?.status !== 'RUNNING';
    });
    return seen;
  };

  test('tries one, then a few, then the rest', async () => {
    const seen: number[] = [];
    const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
    const jobs = await start([trackJob(seen, { concurrency: 20 }, pause)]);
    await addLetters(jobs.connections, tracks(12));
    const replayId = await createReplay(jobs.connections, order({ canary: true }), alice);
    const most = await stages(jobs, replayId);
    expect(Object.fromEntries(most)).toEqual({ one: 1, few: 4, rest: 12 });
    expect(seen.toSorted((a, b) => a - b)).toEqual(tracks(12).map((_, i) => i + 1));
    expect(seen.slice(0, 1)).toEqual([1]);
    const replay = await readReplay(jobs.connections, replayId);
    expect(replay).toMatchObject({ status: 'COMPLETED', total: 12, counts: { succeeded: 12, waiting: 0 }, stop: null });
    const { entries } = await listAudit(jobs.connections, { limit: 5, subject: `replay:${replayId}` });
    expect(entries).toMatchObject([{ action: 'replay.end', actor: 'worker', details: { status: 'COMPLETED' } }]);
  });

  test('stops when the same signature comes back, at its first try, and leaves the rest as it was', async () => {
    const seen: number[] = [];
    const job = trackJob(seen, { retries: 5, backoff: { minMs: 60_000, maxMs: 60_000 } });
    const jobs = await start([job]);
    // dies of what it is replayed for: its signature is that of the real failure
    const poison = { trackId: 1, fails: 'no cover for track 1' };
    await jobs.connections.query(`UPDATE job_definitions SET updated_at = now() WHERE job_id = $1`, [id]);
    const [first = ''] = await addLetters(jobs.connections, [{ jobId: id, event: poison }]);
    await replayDeadLetter(jobs, first, { retries: 0 }, alice);
    const { signature } = await untilStatus(jobs, first, 'FAILED');
    const others = await addLetters(
      jobs.connections,
      tracks(8, (n) => ({ signature, event: { trackId: n, fails: `no cover for track ${n}` } })),
    );
    seen.length = 0;
    const replayId = await createReplay(jobs.connections, order({ canary: true }), alice);
    const replay = await eventually(async () => {
      const now = await readReplay(jobs.connections, replayId);
      return now?.stop ? now : undefined;
    });
    expect(replay.stop).toMatchObject({ kind: 'same-signature', signature, deadLetterId: first });
    expect(replay.counts).toMatchObject({ withdrawn: 8, released: 1, waiting: 0 });
    expect(seen).toEqual([1]);
    // the try that waits for its time goes on by itself; taken out of the queue, the replay is over
    const { replays } = (await readDeadLetter(jobs.connections, first)) ?? {};
    await cancelEvent(jobs, id, replays?.at(-1)?.eventId ?? '', alice);
    expect(await untilOver(jobs, replayId)).toMatchObject({ status: 'STOPPED', counts: { withdrawn: 9 } });
    for (const other of others)
      expect(await readDeadLetter(jobs.connections, other)).toMatchObject({ status: 'PENDING' });
  });

  test('stops in the rest as well, and takes back what lies in the queue', async () => {
    const seen: number[] = [];
    const jobs = await start([trackJob(seen)]);
    const [first = ''] = await addLetters(jobs.connections, [{ jobId: id, event: { trackId: 0, fails: 'no cover' } }]);
    await replayDeadLetter(jobs, first, {}, alice);
    const { signature } = await untilStatus(jobs, first, 'FAILED');
    await discardDeadLetter(jobs, first, alice);
    const letters = tracks(60, (n) => ({ signature, event: { trackId: n, ...(n === 10 && { fails: 'no cover' }) } }));
    await addLetters(jobs.connections, letters);
    const replayId = await createReplay(jobs.connections, order({ canary: true }), alice);
    const replay = await untilOver(jobs, replayId);
    expect(replay).toMatchObject({ status: 'STOPPED', stage: 'rest', stop: { kind: 'same-signature' } });
    const { succeeded, failed, withdrawn } = replay.counts;
    expect([failed, succeeded + failed + withdrawn]).toEqual([1, 60]);
    expect(succeeded).toBeGreaterThanOrEqual(9);
    expect(withdrawn).toBeGreaterThan(0);
    const { rows } = await jobs.connections.query(
      'SELECT status, count(*)::int FROM dead_letter_queue WHERE job_id = $1 AND discarded_at IS NULL GROUP BY status ORDER BY status',
      [id],
    );
    expect(rows).toEqual([
      { status: 'PENDING', count: withdrawn },
      { status: 'SUCCEEDED', count: succeeded },
      { status: 'FAILED', count: 1 },
    ]);
  });

  test('stops when its first fails in another way, and goes on when others do', async () => {
    const jobs = await start([trackJob([])]);
    const fails = (n: number) => ({ event: { trackId: n, fails: 'quite another thing' } });
    await addLetters(jobs.connections, tracks(5, fails));
    const stopped = await untilOver(jobs, await createReplay(jobs.connections, order({ canary: true }), alice));
    expect(stopped).toMatchObject({
      status: 'STOPPED',
      stage: 'one',
      stop: { kind: 'nothing-succeeds' },
      counts: { failed: 1, withdrawn: 4 },
    });

    await addLetters(
      jobs.connections,
      tracks(6, (n) => (n === 3 ? { ...fails(n), signature: 'bb' } : { signature: 'bb' })),
    );
    const completed = await untilOver(
      jobs,
      await createReplay(jobs.connections, order({ canary: true, selection: { signature: 'bb' } }), alice),
    );
    expect(completed).toMatchObject({ status: 'COMPLETED', counts: { succeeded: 5, failed: 1 } });

    await addLetters(
      jobs.connections,
      tracks(6, (n) => (n === 3 ? { ...fails(n), signature: 'cc' } : { signature: 'cc' })),
    );
    const strict = order({ canary: true, stopOn: 'any-failure', selection: { signature: 'cc' } });
    expect(await untilOver(jobs, await createReplay(jobs.connections, strict, alice))).toMatchObject({
      status: 'STOPPED',
      stop: { kind: 'failure' },
    });
  });

  test('tries a letter of each signature before the rest', async () => {
    const seen: number[] = [];
    const jobs = await start([trackJob(seen)]);
    await addLetters(
      jobs.connections,
      tracks(12, (n) => ({ signature: n <= 10 ? 'a1' : `b${n}` })),
    );
    await untilOver(jobs, await createReplay(jobs.connections, order({ canary: true }), alice));
    expect(seen.slice(0, 4).toSorted((a, b) => a - b)).toEqual([1, 2, 11, 12]);
    expect(seen.slice(4)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe('a replay of many', () => {
  test('is paced', async () => {
    const times: number[] = [];
    const jobs = await start([trackJob([], { concurrency: 20 }, () => times.push(performance.now()))]);
    await addLetters(jobs.connections, tracks(31));
    const startMs = performance.now();
    await untilOver(jobs, await createReplay(jobs.connections, order({ eventsPerSecond: 20 }), alice));
    // 31 at 20 a second, of which the first may go at once
    expect(performance.now() - startMs).toBeGreaterThan(1400);
    for (const at of times)
      expect(times.filter((time) => time > at - 500 && time <= at).length).toBeLessThanOrEqual(10 + 20 * 0.3);
  });

  test('belongs to whoever was first; the other is told who that is', async () => {
    const seen: number[] = [];
    const jobs = await start([trackJob(seen)]);
    await addLetters(jobs.connections, tracks(20));
    const both = await Promise.allSettled([alice, bob].map((by) => createReplay(jobs.connections, order(), by)));
    const begun = both.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const refused = both.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
    expect(begun).toHaveLength(1);
    expect(refused).toEqual([
      expect.stringMatching(/all 20 are being replayed: by operator \((alice|bob)\) since 20.*replay [0-9a-f-]{36}/),
    ]);
    await untilOver(jobs, begun[0] ?? '');
    expect(seen.toSorted((a, b) => a - b)).toEqual(tracks(20).map((_, i) => i + 1));
    await expect(createReplay(jobs.connections, order(), bob)).rejects.toThrow(/no dead letter is meant/);
  });

  test('can be looked at before, and cancelled while it goes on', async () => {
    const jobs = await start([trackJob([], {}, () => new Promise((resolve) => setTimeout(resolve, 30)))]);
    const [one = ''] = await addLetters(jobs.connections, tracks(40));
    expect(await matchReplay(jobs.connections, order())).toMatchObject({
      matching: 40,
      inReplay: 0,
      jobs: [{ jobId: id, count: 40, problem: null }],
    });
    const replayId = await createReplay(jobs.connections, order(), alice);
    await eventually(async () => ((await readReplay(jobs.connections, replayId))?.counts.succeeded ?? 0) > 2);
    expect(await cancelReplay(jobs.connections, replayId, bob)).toBe(true);
    await expect(cancelReplay(jobs.connections, replayId, alice)).rejects.toThrow(
      /is ending: operator \(bob\) cancelled it|has ended/,
    );
    const replay = await untilOver(jobs, replayId);
    expect(replay).toMatchObject({
      status: 'CANCELLED',
      stop: { kind: 'cancelled', by: bob.actor, reason: bob.reason },
      counts: { failed: 0, released: 0 },
    });
    expect(replay.counts.succeeded + replay.counts.withdrawn).toBe(40);
    expect(replay.counts.withdrawn).toBeGreaterThan(10);
    expect(await readDeadLetter(jobs.connections, one)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await cancelReplay(jobs.connections, crypto.randomUUID(), bob)).toBe(false);
  });

  test('skips what was discarded before its turn, and stops when its job is gone', async () => {
    const jobs = await start([trackJob([])], { isWorking: false });
    const letters = await addLetters(jobs.connections, tracks(3));
    const replayId = await createReplay(jobs.connections, order(), alice);
    await jobs.connections.query('UPDATE dead_letter_queue SET discarded_at = now() WHERE id = $1', [letters[1]]);
    running.splice(0);
    await jobs.stop(0);
    const working = await start([trackJob([])]);
    expect(await untilOver(working, replayId)).toMatchObject({
      status: 'COMPLETED',
      counts: { succeeded: 2, skipped: 1 },
    });

    const again = await addLetters(working.connections, tracks(3));
    await working.connections.query(
      "UPDATE job_definitions SET retired_at = now(), service = 'old' WHERE job_id = $1",
      [id],
    );
    await expect(createReplay(working.connections, order(), alice)).rejects.toThrow(/is gone: service "old"/);
    await working.connections.query('UPDATE job_definitions SET retired_at = NULL WHERE job_id = $1', [id]);
    const slow = await createReplay(working.connections, order({ eventsPerSecond: 1 }), alice);
    await working.connections.query('UPDATE job_definitions SET retired_at = now() WHERE job_id = $1', [id]);
    expect(await untilOver(working, slow)).toMatchObject({ status: 'STOPPED', stop: { kind: 'job-gone' } });
    expect(await readDeadLetter(working.connections, again[2] ?? '')).toMatchObject({ status: 'PENDING' });
  });
});
