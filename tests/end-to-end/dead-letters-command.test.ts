import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DeadLetter, DeadLetterGroup, DeadLetterSummary, Replay } from '@clearway/contracts';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { defineJob, startJobs, type Jobs } from '@clearway/jobs';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { clearway } from '../../backend/cli/test/support/context.ts';
import type { CliContext } from '../../backend/cli/src/index.ts';
import { deadLetterOperations } from '../../backend/worker/src/dead-letters/dead-letter-operations.ts';
import { startApi, type ApiUnderTest } from '../../backend/worker/test/support/operations.ts';

let testDatabase: TestDatabase;
let jobs: Jobs;
let api: ApiUnderTest;
let failing: (trackId: number) => boolean = () => true;
const directory = mkdtempSync(path.join(tmpdir(), 'clearway-dead-letters-'));

const render = defineJob({
  id: 'render-cover',
  input: z.object({ trackId: z.int() }),
  retries: 0,
  concurrency: 10,
  run: ({ trackId }) => {
    if (failing(trackId)) throw new Error(`no cover for track ${trackId}`);
  },
});

beforeAll(async () => {
  testDatabase = await withTestDatabase();
  const times = { pollMs: 50, signMs: 50, controlMs: 1000, scheduleMs: 1000, superviseSeconds: 1, replayMs: 50 };
  const nothing = (): void => {};
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const { connectionString } = testDatabase;
  jobs = await startJobs({ connectionString, service: 'test', jobs: [render], log, times });
  api = await startApi({
    more: deadLetterOperations({ current: () => jobs }, (id) => `http://jaeger.test/trace/${id}`),
  });
});
afterAll(async () => {
  await api.close();
  await jobs.stop(1000);
  await testDatabase.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  failing = () => true;
  await jobs.connections.query('TRUNCATE dead_letter_queue, replays, audit_log CASCADE');
});

const run = (args: readonly string[], overrides: Partial<CliContext> = {}) =>
  clearway(['dead-letters', ...args, '--url', api.origin], { directory, variables: { USER: 'ada' }, ...overrides });

const json = async <T>(args: readonly string[]): Promise<T> => JSON.parse((await run([...args, '--json'])).out) as T;

/** Lets so many events fail for good; answers with the ids of their letters, in the order of their tracks. */
async function deadLetters(count: number): Promise<string[]> {
  for (let trackId = 1; trackId <= count; trackId++) await jobs.enqueue(render, { trackId });
  for (;;) {
    const { rows } = await jobs.connections.query<{ id: string }>(
      'SELECT id FROM dead_letter_queue ORDER BY event_data',
    );
    if (rows.length === count) return rows.map((row) => row.id);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('clearway dead-letters', () => {
  test('list, groups and show tell what failed, for people and for scripts', async () => {
    const [id = ''] = await deadLetters(2);
    const list = await run(['list', '--job', 'render-cover', '--since', '1h']);
    expect(list.out).toMatch(
      /^DEAD LETTER +JOB +STATUS.*\n[0-9a-f-]{36} +render-cover +PENDING .* Error: no cover for track [12]$/m,
    );
    expect(await json<DeadLetterSummary[]>(['list', '--text', 'track 1'])).toMatchObject([{ id }]);
    expect((await run(['list', '--limit', '1'])).error).toContain('There are more than 1');
    const groups = await json<DeadLetterGroup[]>(['groups']);
    expect(groups).toMatchObject([{ counts: { pending: 2 } }]);
    expect((await run(['groups'])).out).toContain(groups[0]?.signature);
    const shown = await run(['show', id]);
    expect(shown.out).toMatch(/render-cover: PENDING, dead since .* after 1 tries, by enqueue/);
    expect(shown.out).toContain('"trackId": 1');
    expect(shown.out).toMatch(/try 1 by enqueue at .*: FAILED/);
    const unknown = await run(['show', crypto.randomUUID()]);
    expect([unknown.code, unknown.error]).toEqual([1, expect.stringContaining('There is no dead letter')]);
  });

  test('replay runs one and ends with 0 when it succeeds, with 1 when it fails again', async () => {
    const [id = ''] = await deadLetters(1);
    const failed = await run(['replay', id, '--reason', 'try']);
    expect([failed.code, failed.out]).toEqual([1, expect.stringMatching(/COMPLETED, 1 failed of 1/)]);
    failing = (trackId) => trackId === 1;
    const refused = await run(['replay', id, '--reason', 'typo', '--input', '{"trackId":"x"}']);
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('input.trackId')]);
    writeFileSync(path.join(directory, 'input.json'), '{"trackId":7}');
    const edited = await run(['replay', id, '--reason', 'typo', '--input-file', 'input.json']);
    expect([edited.code, edited.out]).toEqual([
      0,
      expect.stringMatching(/COMPLETED, 1 succeeded of 1[^]*by operator \(ada\)/),
    ]);
    expect(await json<DeadLetter>(['show', id])).toMatchObject({ status: 'SUCCEEDED', editedEvent: { trackId: 7 } });
    expect((await run(['replay', id, '--reason', 'again'])).error).toMatch(
      /has succeeded: operator \(ada\) replayed it/,
    );
  });

  test('replay of a group asks first, shows its progress, and stops when the same failure comes back', async () => {
    await deadLetters(6);
    const [group] = await json<DeadLetterGroup[]>(['groups']);
    const args = [
      'replay',
      '--signature',
      group?.signature ?? '',
      '--reason',
      'the store is back',
      '--rate',
      '500',
      '--few',
      '2',
    ];
    const silent = await run(args);
    expect([silent.code, silent.error]).toEqual([
      64,
      expect.stringContaining('about 6 dead letters: confirm it with --yes'),
    ]);
    const asked: string[] = [];
    const ask = (answer: string) => (question: string) => {
      asked.push(question);
      return Promise.resolve(answer);
    };
    expect(await run(args, { ask: ask('n') })).toMatchObject({
      code: 1,
      error: expect.stringContaining('Nothing was changed'),
    });
    expect(asked).toEqual(['Replay 6 dead letters? [y/N] ']);
    expect((await run([...args, '--dry-run'])).out).toBe('render-cover: 6 dead letters');

    const stopped = await run([...args, '--yes']);
    expect([stopped.code, stopped.out]).toEqual([
      1,
      expect.stringMatching(/STOPPED, 1 failed, 5 withdrawn of 6[^]*It failed as before/),
    ]);
    failing = () => false;
    const progress: string[] = [];
    const done = await run(args, { ask: ask('y'), progress: (line) => progress.push(line) });
    expect([done.code, done.out]).toEqual([0, expect.stringContaining('COMPLETED, 6 succeeded of 6')]);
    expect(progress.some((line) => /^canary, .*: \d of 6 \(\d+ %\)/.test(line))).toBe(true);
    expect((await run(['groups'])).out).toBe('No dead letters wait for anybody.');
    expect(await json<Replay[]>(['replays'])).toMatchObject([{ status: 'COMPLETED' }, { status: 'STOPPED' }]);
    expect((await run(args)).code).toBe(1);
  });

  test('a replay that is interrupted goes on, and cancel-replay ends it', async () => {
    await deadLetters(3);
    failing = () => false;
    let interrupt = (): void => {};
    const following = run(['replay', '--job', 'render-cover', '--reason', 'x', '--rate', '0.1', '--yes'], {
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => {};
      },
      progress: () => interrupt(),
    });
    const left = await following;
    expect([left.code, left.error]).toEqual([1, expect.stringContaining('The replay goes on')]);
    const id = /replays ([0-9a-f-]{36}) --follow/.exec(left.error)?.[1] ?? '';
    expect(await run(['cancel-replay', id, '--reason', 'enough'])).toMatchObject({ code: 0 });
    const ended = await run(['replays', id, '--follow']);
    expect([ended.code, ended.out]).toEqual([
      1,
      expect.stringMatching(/CANCELLED[^]*operator \(ada\) cancelled it: enough/),
    ]);
  });

  test('discard needs a reason and a selection', async () => {
    const [id = ''] = await deadLetters(2);
    expect((await run(['discard', id])).code).toBe(64);
    expect(await run(['discard', '--reason', 'x'])).toMatchObject({
      code: 64,
      error: expect.stringContaining('say which dead letters'),
    });
    expect(await run(['discard', id, '--reason', 'of no use'])).toMatchObject({
      code: 0,
      out: '1 dead letter discarded',
    });
    expect(await run(['discard', '--job', 'render-cover', '--reason', 'all', '--yes'])).toMatchObject({
      out: '1 dead letter discarded',
    });
    expect(await json<DeadLetterSummary[]>(['list', '--discarded', 'only'])).toHaveLength(2);
  });

  test('export writes a complete file, or none', async () => {
    await deadLetters(3);
    const done = await run(['export', '--job', 'render-cover', '--output', 'letters.ndjson']);
    expect([done.code, done.error]).toEqual([0, '3 dead letters in letters.ndjson']);
    const file = path.join(directory, 'letters.ndjson');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { event: { trackId: number } }).event.trackId).sort()).toEqual([
      1, 2, 3,
    ]);
    expect(statSync(file).mode & 0o077).toBe(0);
    expect((await run(['export'])).out.split('\n')).toHaveLength(3);
    const away = await clearway(['dead-letters', 'export', '-o', 'other', '--url', 'http://127.0.0.1:9'], {
      directory,
    });
    expect(away.code).toBe(1);
    expect(readdirSync(directory).filter((name) => name.startsWith('other'))).toEqual([]);
  });

  test('refuses what it does not understand', async () => {
    expect(await run(['list', '--since', 'yesterday'])).toMatchObject({
      code: 64,
      error: expect.stringContaining('Write it as'),
    });
    expect((await run(['replay', 'x', '--reason', 'y', '--rate', '0'])).code).toBe(64);
    expect((await run(['replay', '--job', 'a', '--reason', 'y', '--input', '{}'])).code).toBe(64);
  });
});
