import { describe, expect, test } from '@jest/globals';
import {
  cancelEvent,
  cancelReplay,
  createReplay,
  discardDeadLetter,
  listAudit,
  matchReplay,
  readDeadLetter,
  readReplay,
  replayDeadLetter,
} from '../src/index.ts';
import { reasonToStop } from '../src/dead-letters/replay/reasons-to-stop.ts';
import type { RunningReplay } from '../src/dead-letters/replay/running-replay.ts';
import type { Sql } from '../src/queue/connections.ts';
import { addLetters } from './support/dead-letters.ts';
import {
  alice,
  bob,
  eventually,
  id,
  order,
  running,
  start,
  trackJob,
  tracks,
  untilOver,
  untilStatus,
  useJobs,
} from './support/replays.ts';

useJobs();

describe('a canary', () => {
  test('tries one, then a few, then the rest', async () => {
    const seen: number[] = [];
    const created = Promise.withResolvers<string>();
    /** How many runs had begun or ended in each stage: every run looks, so that the last of a stage sees all of it. */
    const most = { one: 0, few: 0, rest: 0 };
    const look = async (): Promise<void> => {
      const { stage = 'one', counts } = (await readReplay(jobs.connections, await created.promise)) ?? {};
      if (counts) most[stage] = Math.max(most[stage], counts.succeeded + counts.released);
    };
    const jobs = await start([trackJob(seen, { concurrency: 20 }, look)]);
    await addLetters(jobs.connections, tracks(12));
    const replayId = await createReplay(jobs.connections, order({ canary: true }), alice);
    created.resolve(replayId);
    await untilOver(jobs, replayId);
    expect(most).toEqual({ one: 1, few: 4, rest: 12 });
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
    // one after the other, so that most lie in the queue when the tenth has failed
    const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
    const jobs = await start([trackJob(seen, {}, pause)]);
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
    // those of the first two stages; in the rest the one that fails may be the first to end
    expect(succeeded).toBeGreaterThanOrEqual(4);
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

  test('says that it failed as before also when that happens while it is looked at', async () => {
    // the third question is whether anything succeeds: only then has the letter failed
    const letter = { id: crypto.randomUUID(), signature: 'aa', status: 'FAILED', error: 'no cover' };
    const answers = [[], [], [letter]];
    const sql = { query: () => Promise.resolve({ rows: answers.shift(), rowCount: null }) } as unknown as Sql;
    const replay = { signatures: ['aa'], stopOn: 'same-signature', stage: 0, few: 2 } as unknown as RunningReplay;
    expect(await reasonToStop(sql, replay)).toMatchObject({ kind: 'same-signature', deadLetterId: letter.id });
    expect(answers).toEqual([]);
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
    expect(seen.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });
});

describe('a replay of many', () => {
  test('is paced', async () => {
    const jobs = await start([trackJob([], { concurrency: 20 })]);
    await addLetters(jobs.connections, tracks(31));
    const replayId = await createReplay(jobs.connections, order({ eventsPerSecond: 20 }), alice);
    await untilOver(jobs, replayId);
    const { rows } = await jobs.connections.query<{ ms: number }>(
      `SELECT extract(epoch FROM released_at - created_at)::float8 * 1000 AS ms
       FROM replay_items JOIN replays ON replays.id = replay_id WHERE replay_id = $1 ORDER BY 1`,
      [replayId],
    );
    const times = rows.map(({ ms }) => ms);
    // 31 at 20 a second, of which the first may go at once
    expect(times.at(-1)).toBeGreaterThan(1400);
    // what was not released while the machine was busy may follow, but no more than of a second
    for (const at of times)
      expect(times.filter((time) => time > at - 500 && time <= at).length).toBeLessThanOrEqual(10 + 20);
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
    expect(replay.counts.withdrawn).toBeGreaterThan(0);
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
