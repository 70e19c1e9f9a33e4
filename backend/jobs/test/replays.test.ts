import { describe, expect, test } from '@jest/globals';
import {
  cancelEvent,
  createReplay,
  discardDeadLetter,
  listAudit,
  readDeadLetter,
  replayDeadLetter,
  type InputRefused,
  type JobContext,
} from '../src/index.ts';
import { restoreVanished } from '../src/dead-letters/replay/restore-vanished.ts';
import { addLetters } from './support/dead-letters.ts';
import {
  alice,
  bob,
  eventually,
  id,
  order,
  start,
  trackJob,
  tracks,
  untilOver,
  untilStatus,
  type Track,
  useJobs,
} from './support/replays.ts';

useJobs();

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
    await eventually(() => seen.length === rows[0]?.count);
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
    await eventually(() => seen.length === 3);
    expect(seen.sort()).toEqual([1, 2, 7]);
  });
});
