import { durationText, ratioText } from '../baselines/words.ts';
import type { HealthInput, JobState, Reason, ReasonCode } from './types.ts';

/** A run that goes on is too long after so many times the 95th percentile, and no sooner than this. */
const TIMES_P95 = 2;
const LEAST_MS = 10_000;

/**
 * After how long a run that goes on is called over-long.
 *
 * @param p95Ms of the job's baseline
 */
export const overLongAfterMs = (p95Ms: number): number => Math.max(LEAST_MS, TIMES_P95 * p95Ms);

/** Runs that have taken too long already, seen while they still run. */
export function overLong({ openRuns, usual, nowMs }: HealthInput): Reason[] {
  if (!usual || usual.p95Ms <= 0) return [];
  const { p95Ms } = usual;
  return openRuns
    .filter((run) => nowMs - run.startedAtMs > overLongAfterMs(p95Ms))
    .map((run) => {
      const forMs = nowMs - run.startedAtMs;
      const text = `a run has been going on for ${durationText(forMs)}, ${ratioText(forMs / p95Ms)} times what 95 % of runs take`;
      return { code: 'over_long', state: 'slow', text, sinceMs: run.startedAtMs, runId: run.id };
    });
}

const STATES: Partial<Record<string, JobState & Reason['state']>> = {
  slow: 'slow',
  fast: 'suspicious',
  empty: 'suspicious',
};

/** What the baseline says of the last runs. */
export function comparedWithUsual({ usual, runs, nowMs }: HealthInput): Reason[] {
  const state = usual && STATES[usual.verdict];
  if (!state) return [];
  const [last] = runs;
  const text = usual.evidence ?? `the last runs were ${usual.verdict}`;
  return [{ code: usual.verdict as ReasonCode, state, text, sinceMs: last?.startedAtMs ?? nowMs }];
}
