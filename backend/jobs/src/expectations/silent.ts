import { durationText } from '../baselines/words.ts';
import type { DueOutcome, HealthInput, JudgedRun, Reason } from './types.ts';

/** So many due times in a row without a run: it is not late, it is gone. */
const MISSED_IN_ROW = 3;

/** Jobs and runs of which nothing is heard although they should be. */
export function silent(input: HealthInput, due: readonly DueOutcome[]): Reason[] {
  return [...silentRuns(input), ...withoutSign(input), ...missedInRow(due)];
}

function silentRuns({ openRuns, signSeconds, nowMs, watchedSinceMs = 0 }: HealthInput): Reason[] {
  if (signSeconds === undefined) return [];
  const silentForMs = (run: JudgedRun): number =>
    nowMs - Math.max(run.heartbeatAtMs ?? run.startedAtMs, watchedSinceMs);
  return openRuns
    .filter((run) => silentForMs(run) > signSeconds * 1000)
    .map((run) => ({
      code: 'run_silent',
      state: 'silent',
      text: `a run has given no sign of life for ${durationText(silentForMs(run))}`,
      sinceMs: run.heartbeatAtMs ?? run.startedAtMs,
      runId: run.id,
    }));
}

/** Jobs that are to be heard of every so many seconds. */
function withoutSign(input: HealthInput): Reason[] {
  const { expectation, graceSeconds, nowMs, isPaused, sinceMs, watchedSinceMs = sinceMs } = input;
  if (!expectation || 'cron' in expectation || isPaused) return [];
  const signs = [...input.openRuns, ...input.runs].flatMap((run) => [
    run.startedAtMs,
    run.heartbeatAtMs ?? 0,
    run.endedAtMs ?? 0,
  ]);
  const heardMs = Math.max(sinceMs, ...signs);
  const expectedMs = Math.max(heardMs + expectation.everySeconds * 1000, watchedSinceMs);
  if (nowMs <= expectedMs + graceSeconds * 1000) return [];
  const ever = signs.length > 0 ? `for ${durationText(nowMs - heardMs)}` : 'ever';
  const text = `nothing heard ${ever}; expected every ${durationText(expectation.everySeconds * 1000)}`;
  return [{ code: 'no_sign', state: 'silent', text, sinceMs: heardMs }];
}

function missedInRow(due: readonly DueOutcome[]): Reason[] {
  const begun = due.findIndex(({ outcome }) => outcome === 'begun');
  const gone = (begun === -1 ? due : due.slice(0, begun)).filter(({ outcome }) => outcome !== 'waiting');
  if (gone.length < MISSED_IN_ROW) return [];
  const count = begun === -1 ? `at least the last ${gone.length}` : `the last ${gone.length}`;
  const text = `no run at ${count} due times`;
  return [{ code: 'missed_in_row', state: 'silent', text, sinceMs: gone.at(-1)!.dueAtMs }];
}
