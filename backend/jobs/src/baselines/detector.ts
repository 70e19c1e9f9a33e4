import { acceptEmptiness, countEmpty, isEmptyRun, NO_EMPTINESS } from './emptiness.ts';
import { NO_ZONE } from './expected.ts';
import { judge } from './judge.ts';
import { learn } from './learn.ts';
import { middleRatio, SHIFT, type ShiftSettings } from './shift.ts';
import { verdictOf } from './verdict.ts';
import type { BaselineState, ObservedRun, Verdict } from './types.ts';

export interface BaselineOptions {
  /** IANA name: where the hours of a daily cycle are counted. Default UTC, which is taken as no zone known. */
  readonly timeZone?: string;
}

/**
 * A job of which nothing is known.
 *
 * @example
 * let state = newBaseline({ timeZone: 'Europe/Berlin' });
 * ({ state } = observe(state, { id: 'run-1', startedAtMs: Date.now(), durationMs: 340 }));
 */
export function newBaseline({ timeZone = NO_ZONE }: BaselineOptions = {}): BaselineState {
  return {
    version: 1,
    phase: 'learning',
    timeZone,
    samples: null,
    baseline: null,
    window: [],
    episode: null,
    emptiness: NO_EMPTINESS,
    runs: 0,
    judgedOnRuns: 0,
  };
}

export interface Observation {
  readonly state: BaselineState;
  readonly verdict: Verdict;
}

/**
 * Compares a run with its job's own past, and learns from it as long as the baseline is not frozen. The same runs in the
 * same order give the same state; runs that come a little late are put where their time says.
 *
 * @param before what is remembered of the job; not changed
 * @param run one that succeeded: what failed says nothing about how long the job takes
 * @param settings other than those that were chosen by measurement: for measurements
 */
export function observe(before: BaselineState, run: ObservedRun, settings: ShiftSettings = SHIFT): Observation {
  if (!(run.durationMs >= 0 && run.durationMs < Infinity)) return { state: before, verdict: verdictOf(before, run) };
  let state: BaselineState = { ...before, runs: before.runs + 1, emptiness: countEmpty(before, run) };
  if (!isEmptyRun(run)) {
    state = judge(state, run, settings);
    if (state.phase === 'learning') state = learn(state, run);
  }
  return { state, verdict: verdictOf(state, run) };
}

/** Forgets what was learnt and learns anew. */
export const relearn = (state: BaselineState): BaselineState => newBaseline({ timeZone: state.timeZone });

/** More runs than any job makes: the moved baseline stays until the new one is complete. */
const NOT_BEFORE_COMPLETE = 1e12;

/**
 * Takes the present shift as the new normal: the baseline moves to it at once, so that the next runs are judged by it, and
 * is learnt anew meanwhile. A row of empty runs counts as usual from now on. Without either nothing changes.
 */
export function accept(state: BaselineState): BaselineState {
  const accepted = { ...state, emptiness: acceptEmptiness(state.emptiness) };
  const { episode, baseline, window } = state;
  if (!episode || !baseline) return accepted;
  const from = window.findIndex(([atMs]) => atMs >= episode.sinceMs);
  const moved = middleRatio(window, Math.max(0, from));
  const level = { ...baseline, level: baseline.level + moved, samples: Math.max(10, window.length - from) };
  if (level.items) level.items = { ...level.items, levelWithout: level.items.levelWithout + moved };
  return {
    ...accepted,
    phase: 'learning',
    baseline: level,
    samples: null,
    window: [],
    episode: null,
    runs: 0,
    judgedOnRuns: NOT_BEFORE_COMPLETE,
  };
}
