import { newBaseline, observe, type BaselineOptions } from '../../src/baselines/detector.ts';
import type { BaselineState, ObservedRun, Verdict } from '../../src/baselines/types.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const START_MS = Date.UTC(2026, 0, 5);

/** Numbers that look random and are always the same (Park and Miller). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

export interface JobShape {
  readonly seed?: number;
  readonly gapMs?: number;
  readonly sigma?: number;
  readonly usualMs?: number;
  /** Duration against the usual one, such as over the day. */
  readonly factor?: (atMs: number) => number;
  readonly items?: (index: number, random: () => number) => number | undefined;
  /** Milliseconds a run takes for its items, instead of the usual. */
  readonly msFor?: (items: number) => number;
}

/** Runs of a job whose durations scatter a little, without end. */
export function* healthyRuns(shape: JobShape = {}): Generator<ObservedRun> {
  const { seed = 5, gapMs = DAY_MS, sigma = 0.1, usualMs = 340, factor = () => 1, items, msFor } = shape;
  const random = randomNumbers(seed);
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  for (let index = 0; ; index++) {
    const startedAtMs = START_MS + index * gapMs;
    const itemsProcessed = items?.(index, random);
    const level = msFor && itemsProcessed !== undefined ? msFor(itemsProcessed) : usualMs;
    const durationMs = level * factor(startedAtMs) * Math.exp(sigma * normal());
    yield { id: `run-${index}`, startedAtMs, durationMs, ...(itemsProcessed === undefined ? {} : { itemsProcessed }) };
  }
}

/** The next runs, each changed at will. */
export function take(
  runs: Generator<ObservedRun>,
  count: number,
  change: (run: ObservedRun) => Partial<ObservedRun> = () => ({}),
): ObservedRun[] {
  return Array.from({ length: count }, () => {
    const run = runs.next().value as ObservedRun;
    return { ...run, ...change(run) };
  });
}

export const times =
  (factor: number) =>
  (run: ObservedRun): Partial<ObservedRun> => ({ durationMs: run.durationMs * factor });

/** Observes runs one after the other. */
export function observeAll(
  state: BaselineState,
  runs: readonly ObservedRun[],
): { state: BaselineState; verdicts: Verdict[] } {
  const verdicts = runs.map((run) => {
    const observation = observe(state, run);
    state = observation.state;
    return observation.verdict;
  });
  return { state, verdicts };
}

/** A job that was learnt until its baseline froze. */
export function learnt(runs: Generator<ObservedRun>, options?: BaselineOptions): BaselineState {
  let state = newBaseline(options);
  while (state.phase === 'learning') state = observe(state, runs.next().value as ObservedRun).state;
  return state;
}
