import {
  cancelReplay,
  countDeadLetters,
  createReplay,
  discardDeadLetters,
  exportDeadLetters,
  listDeadLetterGroups,
  listDeadLetters,
  listJobs,
  listReplays,
  matchReplay,
  readDeadLetter,
  type DeadLetterSearch,
  type Jobs,
} from '@clearway/jobs';
import { addLetters, startSide, stopSide, takeEvents, type Side } from './support/dead-letter-sides.ts';
import { atMost, type Proof, type ProofContext } from './support/proof.ts';

const WHOLE = { letters: 100_000, events: 250, rounds: 14 };
const SHORT = { letters: 10_000, events: 200, rounds: 4 };
const LARGEST_GROUP = 'aaaaaaaaaaaaaaaa';
const MEBIBYTE = 1024 * 1024;

export const proof: Proof = {
  guarantee:
    '100,000 dead letters slow down neither their lists and groups nor the worker, and an export of all needs little memory.',
  async run({ isShort, progress }: ProofContext) {
    const { letters, events, rounds } = isShort ? SHORT : WHOLE;
    const [empty, full] = [await startSide(), await startSide()];
    try {
      await addLetters(full.jobs, letters, progress);
      const fresh = await timeLists(full.jobs);
      progress(`lists right after: ${JSON.stringify(fresh)}`);
      // what autovacuum does within a minute
      await full.jobs.connections.query('VACUUM ANALYZE dead_letter_queue');
      const lists = await timeLists(full.jobs);
      progress(`lists: ${JSON.stringify(lists)}`);
      const succeeding = await compare(empty, full, events, rounds, false, progress);
      const failing = await compare(empty, full, events, rounds, true, progress);
      const exported = await timeExport(full.jobs);
      const bulk = await timeBulk(full.jobs);
      return {
        bars: [
          atMost('slowest list or group, median of 5 (ms)', slowest(lists), 200),
          atMost('slowest list or group before statistics are there, median of 5 (ms)', slowest(fresh), 200),
          atMost('time of events that succeed, with the letters to without, median of rounds', succeeding, 1.25),
          atMost('time of events that fail, with the letters to without, median of rounds', failing, 1.25),
          atMost('growth of the resident memory during an export of all (MiB)', exported.growthMebibytes, 128),
        ],
        measurements: { letters, events, rounds, listsMs: lists, freshListsMs: fresh, exported, bulkMs: bulk },
      };
    } finally {
      await stopSide(empty);
      await stopSide(full);
    }
  },
};

async function timeLists({ connections }: Jobs): Promise<Record<string, number>> {
  const list = (search: Partial<DeadLetterSearch>) => () => listDeadLetters(connections, { limit: 50, ...search });
  const middle = await cursorAt(connections, 0.5);
  const end = await cursorAt(connections, 0.99);
  const [{ id } = { id: '' }] = (await list({})()).deadLetters;
  const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();
  const lists: Record<string, () => Promise<unknown>> = {
    first: list({}),
    largestPage: list({ limit: 500 }),
    middle: list({ cursor: middle }),
    end: list({ cursor: end }),
    withDiscarded: list({ discarded: 'include' }),
    discardedOnly: list({ discarded: 'only' }),
    ofJob: list({ jobId: 'work' }),
    ofSmallJob: list({ jobId: 'job-3' }),
    ofNoJob: list({ jobId: 'nobody' }),
    rareStatus: list({ status: 'FAILED' }),
    noStatus: list({ status: 'PROCESSING' }),
    jobAndRareStatus: list({ jobId: 'work', status: 'FAILED' }),
    jobAndNoStatus: list({ jobId: 'work', status: 'PROCESSING' }),
    ofGroup: list({ signature: LARGEST_GROUP }),
    groupAndRareStatus: list({ signature: LARGEST_GROUP, status: 'FAILED' }),
    groupOfOtherJob: list({ signature: LARGEST_GROUP, jobId: 'job-3' }),
    between: list({ since: daysAgo(5), until: daysAgo(4) }),
    jobBetween: list({ jobId: 'work', since: daysAgo(0.02), until: daysAgo(0.01) }),
    textOfMany: list({ text: 'no cover' }),
    textOfOne: list({ text: 'track 777 ' }),
    textOfNone: list({ text: 'nobody ever wrote this' }),
    textOfJob: list({ jobId: 'work', text: 'track 777 ' }),
    textAndStatus: list({ status: 'FAILED', text: 'no cover' }),
    shortestText: list({ text: 'zqx' }),
    one: () => readDeadLetter(connections, id),
    groups: () => listDeadLetterGroups(connections, { limit: 50 }),
    groupsLargestPage: () => listDeadLetterGroups(connections, { limit: 500 }),
    groupsOfJob: () => listDeadLetterGroups(connections, { jobId: 'work', limit: 50 }),
    groupsWithFailed: () => listDeadLetterGroups(connections, { status: 'FAILED', limit: 50 }),
    groupsDiscarded: () => listDeadLetterGroups(connections, { discarded: 'only', limit: 50 }),
    counts: () => countDeadLetters(connections),
    jobs: () => listJobs(connections),
    replays: () => listReplays(connections, { limit: 50 }),
  };
  const times: Record<string, number> = {};
  for (const [name, work] of Object.entries(lists)) times[name] = await timed(work);
  return times;
}

/** A cursor at a part of the way through all letters. */
async function cursorAt(connections: Jobs['connections'], part: number): Promise<string> {
  const { rows } = await connections.query<{ createdAt: Date }>(
    `SELECT percentile_disc($1::float8) WITHIN GROUP (ORDER BY created_at DESC) AS "createdAt" FROM dead_letter_queue`,
    [part],
  );
  const until = rows[0]?.createdAt.toISOString();
  return (await listDeadLetters(connections, { limit: 1, until })).nextCursor ?? '';
}

async function compare(
  empty: Side,
  full: Side,
  events: number,
  rounds: number,
  fails: boolean,
  progress: (text: string) => void,
): Promise<number> {
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // in turn, so that neither side always comes second
    const sides = round % 2 === 0 ? [empty, full] : [full, empty];
    const times = new Map<Side, number>();
    for (const side of sides) times.set(side, await takeEvents(side, events, fails));
    const [without = NaN, withMany = NaN] = [times.get(empty), times.get(full)];
    ratios.push(withMany / without);
    progress(
      `${events} that ${fails ? 'fail' : 'succeed'}: ${Math.round(without)} ms, beside the letters ${Math.round(withMany)} ms`,
    );
  }
  return rounded(median(ratios));
}

async function timeExport({ connections }: Jobs) {
  const before = process.memoryUsage().rss;
  const startMs = performance.now();
  let [most, letters, bytes] = [before, 0, 0];
  for await (const letter of exportDeadLetters(connections, {})) {
    bytes += Buffer.byteLength(JSON.stringify(letter));
    if (++letters % 500 === 0) most = Math.max(most, process.memoryUsage().rss);
  }
  const seconds = rounded((performance.now() - startMs) / 1000);
  return {
    letters,
    mebibytes: rounded(bytes / MEBIBYTE),
    seconds,
    growthMebibytes: rounded((most - before) / MEBIBYTE),
  };
}

/** What an operator waits for when it is about a third of all letters; not a list, and so not below a bar. */
async function timeBulk({ connections }: Jobs): Promise<Record<string, number>> {
  const change = { actor: 'proof', reason: 'proof' };
  const selection = { signature: LARGEST_GROUP, status: 'PENDING' as const, jobId: 'work' };
  const order = { selection, canary: true, few: 10, eventsPerSecond: 100, stopOn: 'same-signature' as const };
  let replayId = '';
  return {
    match: await once(() => matchReplay(connections, order)),
    createReplay: await once(async () => (replayId = await createReplay(connections, order, change))),
    cancelReplay: await once(() => cancelReplay(connections, replayId, change)),
    discard: await once(() => discardDeadLetters({ connections }, { signature: LARGEST_GROUP }, change)),
  };
}

async function once(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return rounded(performance.now() - startMs);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) times.push(await once(work));
  return median(times);
}

const slowest = (times: Readonly<Record<string, number>>): number => Math.max(...Object.values(times));
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const rounded = (value: number): number => Math.round(value * 100) / 100;
