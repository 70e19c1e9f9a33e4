import { newBaseline, observe } from '../../backend/jobs/src/baselines/detector.ts';
import type { BaselineState, ObservedRun, VerdictKind } from '../../backend/jobs/src/baselines/types.ts';
import { generate, type Change, type Workload } from './generator.ts';

const MOST_LEARNING_RUNS = 20_000;

/** A job that was learnt: the state when it was frozen, and the runs from then on. */
export interface Learnt {
  readonly frozen: BaselineState;
  readonly learningRuns: number;
  readonly learningEpisodes: number;
  /** The runs after learning; with a change, the same runs made slower or faster. */
  readonly runs: (change?: Change) => Generator<ObservedRun>;
}

export const isAlarm = (kind: VerdictKind): boolean => kind === 'slow' || kind === 'fast' || kind === 'empty';

/** Lets the shipped detector learn a job from its first run on. */
export function learnSeries(workload: Workload, seed: number): Learnt {
  let state = newBaseline(workload.timeZone === undefined ? {} : { timeZone: workload.timeZone });
  let learningEpisodes = 0;
  let learningRuns = 0;
  let wasAlarm = false;
  for (const run of generate(workload, seed)) {
    const { state: next, verdict } = observe(state, run);
    state = next;
    learningRuns++;
    if (isAlarm(verdict.kind) && !wasAlarm) learningEpisodes++;
    wasAlarm = isAlarm(verdict.kind);
    if (state.phase === 'frozen' || learningRuns === MOST_LEARNING_RUNS) break;
  }
  const runs = (change?: Change) => after(generate(workload, seed, change), learningRuns);
  return { frozen: state, learningRuns, learningEpisodes, runs };
}

function* after(runs: Generator<ObservedRun>, skipped: number): Generator<ObservedRun> {
  for (let index = 0; index < skipped; index++) runs.next();
  yield* runs;
}

/** Judges runs as the shipped detector does, from a learnt state on. */
export function shippedJudge(frozen: BaselineState): (run: ObservedRun) => VerdictKind {
  let state = frozen;
  return (run) => {
    const { state: next, verdict } = observe(state, run);
    state = next;
    return verdict.kind;
  };
}
