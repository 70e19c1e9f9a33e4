import { lastDues } from '../schedule/due.ts';
import { clockChangeMs } from './clock-change.ts';
import type { DueOutcome, Expectation, HealthInput, JudgedRun } from './types.ts';

/** So many due times are looked back on. */
const LOOK_BACK = 5;
/** Clocks of other machines: a reported run may begin so much before it was due. */
const MOST_EARLY_MS = 60_000;
/** Runs of a person or of a replay answer to no due time. */
const TRIGGERS = ['schedule', 'report'];

type Clocked = Exclude<Expectation, { readonly everySeconds: number }>;

/**
 * What became of the last due times, newest first. Those that cannot be judged are left out.
 *
 * @param nextMs the first due time after now
 */
export function dueOutcomes(schedule: Clocked, nextMs: number, input: HealthInput): DueOutcome[] {
  const knownSinceMs = Math.max(input.sinceMs, input.runsKnownSinceMs ?? input.sinceMs);
  const due = lastDues(schedule, new Date(input.nowMs), LOOK_BACK).map((at) => at.getTime());
  const judged = due.filter((dueAtMs) => dueAtMs >= knownSinceMs);
  const runs = [...input.openRuns, ...input.runs].filter(({ trigger }) => TRIGGERS.includes(trigger));
  return judged.map((dueAtMs, index) => {
    const followingMs = judged[index - 1] ?? nextMs;
    const run = earliest(runs.filter((candidate) => answers(candidate, dueAtMs, followingMs)));
    const extraMs = input.isReported ? clockChangeMs(dueAtMs, schedule.timeZone) : 0;
    if (!run) return { dueAtMs, outcome: withoutRun(dueAtMs + extraMs, index === 0, input) };
    return { dueAtMs, outcome: 'begun', runId: run.id, delayMs: Math.max(0, run.startedAtMs - dueAtMs) };
  });
}

/** A run of ours says for which due time it is; another counts for the last one before it began. */
function answers({ dueAtMs: ownMs, startedAtMs }: JudgedRun, dueAtMs: number, nextMs: number): boolean {
  if (ownMs !== undefined) return ownMs === dueAtMs;
  const earlyMs = Math.min(MOST_EARLY_MS, (nextMs - dueAtMs) / 2);
  return startedAtMs >= dueAtMs - earlyMs && startedAtMs < nextMs - earlyMs;
}

const earliest = (runs: readonly JudgedRun[]): JudgedRun | undefined =>
  runs.toSorted((a, b) => a.startedAtMs - b.startedAtMs)[0];

function withoutRun(expectedMs: number, isLatest: boolean, input: HealthInput): DueOutcome['outcome'] {
  const { nowMs, graceSeconds, watchedSinceMs = expectedMs } = input;
  const isWithinGrace = nowMs <= Math.max(expectedMs, watchedSinceMs) + graceSeconds * 1000;
  if (isWithinGrace) return 'waiting';
  return isLatest ? 'late' : 'missed';
}
