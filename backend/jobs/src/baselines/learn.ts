import { DAILY_GAP_SECONDS, fitBaseline } from './fit.ts';
import { gapSeconds, keep, newerHalf, spanDays } from './samples.ts';
import { clip } from './shift.ts';
import { isStable } from './stability.ts';
import type { BaselineState, ObservedRun, Samples } from './types.ts';

/** From so many runs on there is something to judge by, and again each time there are half as many more. */
const FIRST_JUDGED = 10;
const REFIT_GROWTH = 1.5;

/** What a baseline needs before it is frozen. */
const DAILY_SAMPLES = 60;
const SHORT = { days: 3, samples: 180 };
const LONG = { days: 7, samples: 90 };

/** A row of so many runs that were far off shows that what was learnt before them was not the usual. */
const RUNS_THAT_REFUTE = 30;

/** As long as the last runs lie this many deviations off, nothing is fitted: they may be the first of a shift. */
const SUSPICIOUS = 1;
const LAST_RUNS = 5;

/** Adds a run to what is learnt from; freezes the baseline when there is enough and it holds still. */
export function learn(state: BaselineState, run: ObservedRun): BaselineState {
  if (state.episode) return isRefuted(state) ? fromNothing(state) : state;
  const samples = keep(state.samples, run);
  const learning = { ...state, samples };
  if (isComplete(samples) && !isSuspicious(state)) return freeze(learning);
  if (state.runs < Math.max(FIRST_JUDGED, state.judgedOnRuns * REFIT_GROWTH) || isSuspicious(state)) return learning;
  return { ...learning, baseline: fitBaseline(samples, state.timeZone).baseline, judgedOnRuns: state.runs, window: [] };
}

/** Runs of an episode are not learnt from; when it outlasts what was learnt, it is the usual. */
function isRefuted({ window, episode, runs, judgedOnRuns }: BaselineState): boolean {
  const since = window.filter(([atMs]) => atMs >= episode!.sinceMs).length;
  return since >= window.length && runs - judgedOnRuns >= RUNS_THAT_REFUTE;
}

function fromNothing(state: BaselineState): BaselineState {
  return { ...state, samples: null, baseline: null, window: [], episode: null, runs: 0, judgedOnRuns: 0 };
}

function isSuspicious({ window }: BaselineState): boolean {
  const last = window.slice(-LAST_RUNS).map(([, , , deviations]) => clip(deviations, 2 * SUSPICIOUS));
  return last.length > 1 && Math.abs(last.reduce((sum, value) => sum + value, 0) / last.length) > SUSPICIOUS;
}

function isComplete(samples: Samples): boolean {
  const count = samples.list.length;
  if (gapSeconds(samples) >= DAILY_GAP_SECONDS) return count >= DAILY_SAMPLES;
  const days = spanDays(samples);
  return [SHORT, LONG].some((needed) => days >= needed.days && count >= needed.samples);
}

function freeze(state: BaselineState): BaselineState {
  const samples = state.samples!;
  const { baseline, residuals } = fitBaseline(samples, state.timeZone);
  const next = { ...state, baseline, judgedOnRuns: state.runs, window: [] };
  if (!isStable(samples, residuals)) return { ...next, samples: newerHalf(samples) };
  return { ...next, phase: 'frozen', samples: null };
}
