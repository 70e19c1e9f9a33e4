import { isSuspiciouslyEmpty } from './emptiness.ts';
import { countText, durationText, ratioText } from './words.ts';
import type { BaselineState, Judged, ObservedRun, Verdict } from './types.ts';

/** What a state says after a run, in a form for machines and one for people. */
export function verdictOf(state: BaselineState, run: ObservedRun): Verdict {
  if (isSuspiciouslyEmpty(state.emptiness)) return emptyVerdict(state);
  if (state.episode) return shiftVerdict(state, run);
  const isJudged = state.baseline !== null && state.window.at(-1)?.[1] === run.id;
  const ratio = isJudged ? Math.exp(state.window.at(-1)![2]) : 1;
  const kind = state.phase === 'learning' ? 'learning' : 'normal';
  return {
    kind,
    sinceRun: { id: run.id, startedAtMs: run.startedAtMs },
    ratio,
    runs: 1,
    evidence: kind === 'learning' ? learningText(state) : normalText(run, ratio),
  };
}

function emptyVerdict({ emptiness }: BaselineState): Verdict {
  const { row, sinceId, sinceMs, runs, empty } = emptiness;
  return {
    kind: 'empty',
    sinceRun: { id: sinceId, startedAtMs: sinceMs },
    ratio: 0,
    runs: row,
    evidence: `nothing processed in the last ${row} runs; of ${countText(runs)} runs before, ${countText(empty)} were empty`,
  };
}

function shiftVerdict(state: BaselineState, run: ObservedRun): Verdict {
  const { kind, sinceId, sinceMs } = state.episode!;
  const since = state.window.filter(([atMs]) => atMs >= sinceMs);
  const ratio = Math.exp(middleOf(since));
  const last = state.window.find(([, id]) => id === run.id);
  const usual = last ? usualText(state, run, last) : 'its usual duration';
  const evidence = `${ratioText(ratio)} times ${usual} over the last ${since.length} runs`;
  return { kind, sinceRun: { id: sinceId, startedAtMs: sinceMs }, ratio, runs: since.length, evidence };
}

function usualText({ baseline }: BaselineState, run: ObservedRun, [, , logRatio]: Judged): string {
  const usual = durationText(run.durationMs / Math.exp(logRatio));
  const isByItems = baseline!.items !== null && run.itemsProcessed !== undefined;
  const conditions = [
    ...(isByItems ? [`for ${countText(run.itemsProcessed)} items`] : []),
    ...(baseline!.cycle.length > 0 ? ['at this hour'] : []),
  ];
  return `its usual ${usual}${conditions.length > 0 ? ` ${conditions.join(' ')}` : ''}`;
}

function middleOf(judged: readonly Judged[]): number {
  const sorted = judged.map(([, , logRatio]) => logRatio).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

const normalText = (run: ObservedRun, ratio: number): string =>
  `took ${durationText(run.durationMs)}, ${ratioText(ratio)} times what is usual`;

function learningText({ runs, baseline }: BaselineState): string {
  const judged = baseline ? 'as far as known all is as usual' : 'too few to judge by';
  return `learning: ${countText(runs)} ${runs === 1 ? 'run' : 'runs'} so far, ${judged}`;
}
