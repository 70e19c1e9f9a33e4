import type { ObservedRun, VerdictKind } from '../../backend/jobs/src/baselines/types.ts';
import type { Change, Workload } from './generator.ts';
import { seeded } from './random.ts';
import { isAlarm, learnSeries, shippedJudge, type Learnt } from './series.ts';

const DAY_MS = 86_400_000;
const MOST_RUNS = 30;
export const DRIFT = { perDay: 0.03, days: 20 };

/** Makes a judge for a learnt job. */
export type StartJudge = (learnt: Learnt) => (run: ObservedRun) => VerdictKind;

export const SHIPPED: StartJudge = ({ frozen }) => shippedJudge(frozen);

/** After how many runs a change was found, in a share of the repetitions. */
export interface Found {
  readonly within5: number;
  readonly within8: number;
  readonly within30: number;
}

export interface Measured {
  readonly repetitions: number;
  readonly healthyRuns: number;
  /** Per 1,000 healthy runs, both sides together. */
  readonly falseEpisodes: number;
  readonly learningRuns: number;
  readonly falseWhileLearning: number;
  readonly doubled: Found;
  readonly halved: Found;
  readonly tripled: Found;
  /** Share found within 20 days. */
  readonly drift: number;
  readonly driftMedianDays: number;
}

export interface MeasureOptions {
  readonly repetitions: number;
  readonly healthyRuns: number;
  readonly firstSeed: number;
  readonly start?: StartJudge;
  /** Learnt before, so that several rules judge the same. */
  readonly learnt?: readonly Learnt[];
}

export function learnAll(workload: Workload, { repetitions, firstSeed }: MeasureOptions): Learnt[] {
  return Array.from({ length: repetitions }, (_, index) => learnSeries(workload, firstSeed + index));
}

/** Runs a rule over many jobs of one kind: healthy ones, and the same with a change at a random moment. */
export function measure(workload: Workload, options: MeasureOptions): Measured {
  const { healthyRuns, firstSeed, start = SHIPPED } = options;
  const learnt = options.learnt ?? learnAll(workload, options);
  const each = learnt.map((one, index) => measureOne(one, healthyRuns, firstSeed + index, start));
  const total = (pick: (one: One) => number): number => each.reduce((sum, one) => sum + pick(one), 0);
  const learningRuns = learnt.reduce((sum, one) => sum + one.learningRuns, 0);
  const learningEpisodes = learnt.reduce((sum, one) => sum + one.learningEpisodes, 0);
  const driftDays = each.map(({ driftDays }) => driftDays).filter((days) => days !== undefined);
  return {
    repetitions: learnt.length,
    healthyRuns,
    falseEpisodes: (1000 * total(({ episodes }) => episodes)) / (learnt.length * healthyRuns),
    learningRuns: learningRuns / learnt.length,
    falseWhileLearning: (1000 * learningEpisodes) / learningRuns,
    doubled: found(each.map(({ doubled }) => doubled)),
    halved: found(each.map(({ halved }) => halved)),
    tripled: found(each.map(({ tripled }) => tripled)),
    drift: share(driftDays, DRIFT.days),
    driftMedianDays: driftDays.toSorted((a, b) => a - b)[driftDays.length >> 1] ?? Infinity,
  };
}

type RunsUntil = number | undefined;

interface One {
  readonly episodes: number;
  readonly doubled: RunsUntil;
  readonly halved: RunsUntil;
  readonly tripled: RunsUntil;
  readonly driftDays: number | undefined;
}

function measureOne(learnt: Learnt, healthyRuns: number, seed: number, start: StartJudge): One {
  const healthy = take(learnt.runs(), healthyRuns);
  const changeAt = 10 + Math.floor(seeded(seed ^ 0x5bd1e995).uniform() * Math.min(150, healthyRuns - 20));
  const fromMs = healthy[changeAt]!.startedAtMs;
  const untilFound = (
    change: Omit<Change, 'fromMs'>,
    kind: VerdictKind,
    limit: (run: ObservedRun, runs: number) => boolean,
  ) => runsUntil(start(learnt), learnt.runs({ ...change, fromMs }), changeAt, kind, limit);
  const few = (_run: ObservedRun, runs: number): boolean => runs <= MOST_RUNS;
  const inTime = (run: ObservedRun): boolean => run.startedAtMs - fromMs <= (DRIFT.days + 1) * DAY_MS;
  const drift = untilFound({ driftPerDay: DRIFT.perDay }, 'slow', inTime);
  return {
    episodes: countEpisodes(start(learnt), healthy),
    doubled: untilFound({ factor: 2 }, 'slow', few)?.runs,
    halved: untilFound({ factor: 0.5 }, 'fast', few)?.runs,
    tripled: untilFound({ factor: 3 }, 'slow', few)?.runs,
    driftDays: drift && (drift.atMs - fromMs) / DAY_MS,
  };
}

export function countEpisodes(judge: (run: ObservedRun) => VerdictKind, runs: readonly ObservedRun[]): number {
  let episodes = 0;
  let wasAlarm = false;
  for (const run of runs) {
    const alarm = isAlarm(judge(run));
    if (alarm && !wasAlarm) episodes++;
    wasAlarm = alarm;
  }
  return episodes;
}

/** Undefined when a false episode was going on as the change came: then there is nothing to measure. */
function runsUntil(
  judge: (run: ObservedRun) => VerdictKind,
  runs: Generator<ObservedRun>,
  changeAt: number,
  kind: VerdictKind,
  isWithin: (run: ObservedRun, runs: number) => boolean,
): { runs: number; atMs: number } | undefined {
  for (const run of take(runs, changeAt - 1)) judge(run);
  if (isAlarm(judge(runs.next().value as ObservedRun))) return undefined;
  for (let count = 1; ; count++) {
    const run = runs.next().value as ObservedRun;
    const isFound = judge(run) === kind;
    if (isFound) return { runs: count, atMs: run.startedAtMs };
    if (!isWithin(run, count)) return { runs: Infinity, atMs: Infinity };
  }
}

export function take(runs: Generator<ObservedRun>, count: number): ObservedRun[] {
  return Array.from({ length: count }, () => runs.next().value as ObservedRun);
}

function found(runs: readonly RunsUntil[]): Found {
  const known = runs.filter((count) => count !== undefined);
  return { within5: share(known, 5), within8: share(known, 8), within30: share(known, 30) };
}

const share = (values: readonly number[], limit: number): number =>
  values.filter((value) => value <= limit).length / values.length;
