import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { withTestDatabase, type TestDatabase } from '@clearway/database/testing';
import { z } from 'zod';
import {
  defineJob,
  readDeadLetter,
  readReplay,
  type AnyJob,
  type JobContext,
  type JobsOptions,
  type ReplayOrder,
} from '../../src/index.ts';
import { wrongGroups, type Letter } from './dead-letters.ts';
import { startTestJobs, type TestJobs } from './start.ts';

export const alice = { actor: 'operator (alice)', reason: 'the cover service is back' };
export const bob = { actor: 'operator (bob)', reason: 'so is mine' };
const track = z.object({ trackId: z.int(), fails: z.string().optional() });
export type Track = z.output<typeof track>;

let testDatabase: TestDatabase;
let next = 0;
/** The job of the test that runs. */
export let id: string;

/** Jobs that the test started; they are stopped at its end. */
export const running: TestJobs[] = [];

/** Gives each test of a file a job id of its own, on one database. */
export function useJobs(): void {
  beforeAll(async () => {
    testDatabase = await withTestDatabase();
  });
  afterAll(() => testDatabase.close());
  beforeEach(() => {
    id = `job-${next++}`;
  });
  afterEach(async () => {
    const [jobs] = running;
    if (jobs) expect(await wrongGroups(jobs.connections)).toEqual([]);
    await Promise.all(running.splice(0).map((each) => each.stop(1000)));
  });
}

/** A job that does what its events say, and remembers which it worked on. */
export function trackJob(
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

/** Starts jobs on the database of the test. */
export async function start(jobs: readonly AnyJob[], options: Partial<JobsOptions> = {}): Promise<TestJobs> {
  const started = await startTestJobs(testDatabase.connectionString, jobs, options);
  running.push(started);
  return started;
}

export async function eventually<T>(probe: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const order = (more: Partial<ReplayOrder> = {}): ReplayOrder => ({
  selection: { jobId: id },
  canary: false,
  few: 3,
  eventsPerSecond: 1000,
  stopOn: 'same-signature',
  ...more,
});

export const untilOver = (jobs: TestJobs, replayId: string) =>
  eventually(async () => {
    const replay = await readReplay(jobs.connections, replayId);
    return replay?.status !== 'RUNNING' && replay;
  });

export const untilStatus = (jobs: TestJobs, letterId: string, status: string) =>
  eventually(async () => {
    const letter = await readDeadLetter(jobs.connections, letterId);
    return letter?.status === status && letter;
  });

export const tracks = (count: number, more: (n: number) => Partial<Letter> = () => ({})): Letter[] =>
  Array.from({ length: count }, (_, i) => ({ jobId: id, event: { trackId: i + 1 }, ...more(i + 1) }));
