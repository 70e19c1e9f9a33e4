import { compare } from './expected.ts';
import { CYCLE_DAYS, DAILY_GAP_SECONDS } from './fit.ts';
import { gapSeconds, logarithmMs } from './samples.ts';
import { clip, findShift, type ShiftSettings } from './shift.ts';
import { secondsOfDay } from './time-of-day.ts';
import type { BaselineState, Judged, ObservedRun } from './types.ts';

const DAY_MS = 86_400_000;
const RECOVERY_RUNS = 5;
/** While learning, a shift must be larger and surer: the baseline may still be off. */
const RATIO_WHILE_LEARNING = 1.5;
const CAUTION_WHILE_LEARNING = 1.15;
/** As long as no cycle can be known, only what no cycle explains is reported. */
const RATIO_BEFORE_CYCLE = 2.5;

/** Holds a run against the baseline, as far as there is one: begins an episode, or ends it. */
export function judge(state: BaselineState, run: ObservedRun, settings: ShiftSettings): BaselineState {
  const { baseline, episode } = state;
  if (!baseline) return state;
  const window = insert(state.window, judged(state, run), settings.mostRuns);
  if (episode) return isRecovered({ ...state, window }, settings) ? afterRecovery(state, window) : { ...state, window };
  const shift = findShift(baseline, window, demands(state, settings));
  if (!shift) return { ...state, window };
  const [sinceMs, sinceId] = window[shift.from]!;
  return { ...state, window, episode: { kind: shift.kind, sinceId, sinceMs } };
}

function judged({ baseline, timeZone }: BaselineState, run: ObservedRun): Judged {
  const time = { secondsOfDay: secondsOfDay(run.startedAtMs, timeZone), timeZone };
  const { logRatio, sigma } = compare(baseline!, logarithmMs(run.durationMs), run.itemsProcessed, time);
  return [run.startedAtMs, run.id, thousandths(logRatio), thousandths(logRatio / sigma)];
}

const thousandths = (value: number): number => Math.round(value * 1000) / 1000;

/** By time and then by id, so that two workers that report in another order leave the same. */
function insert(window: readonly Judged[], run: Judged, most: number): readonly Judged[] {
  const isLater = ([atMs, id]: Judged): boolean => atMs > run[0] || (atMs === run[0] && id > run[1]);
  let at = window.length;
  while (at > 0 && isLater(window[at - 1]!)) at--;
  return window.toSpliced(at, 0, run).slice(-most);
}

function demands(state: BaselineState, settings: ShiftSettings): ShiftSettings {
  if (state.phase === 'frozen') return settings;
  const leastRatio = isCycleUnknown(state) ? RATIO_BEFORE_CYCLE : RATIO_WHILE_LEARNING;
  return { ...settings, leastRatio, threshold: settings.threshold * CAUTION_WHILE_LEARNING };
}

function isCycleUnknown({ samples, baseline }: BaselineState): boolean {
  const isFrequent = samples !== null && gapSeconds(samples) < DAILY_GAP_SECONDS;
  return isFrequent && baseline!.toMs - baseline!.fromMs < CYCLE_DAYS * DAY_MS;
}

/** An episode ends when the last runs together lie closer to the baseline than half of the least shift. */
function isRecovered({ window, episode, baseline }: BaselineState, settings: ShiftSettings): boolean {
  const isYoung = window.filter(([atMs]) => atMs >= episode!.sinceMs).length < RECOVERY_RUNS;
  if (isYoung && window.length > RECOVERY_RUNS) return false;
  const last = window.slice(-RECOVERY_RUNS);
  const mean = last.reduce((sum, [, , , deviations]) => sum + clip(deviations, settings.clip), 0) / last.length;
  const leastShift = Math.max(Math.log(settings.leastRatio) / baseline!.sigma, settings.leastDeviations);
  return (episode!.kind === 'slow' ? mean : -mean) < leastShift / 2;
}

/** Only the newest runs go on: those of the episode must not begin it again. */
const afterRecovery = (state: BaselineState, window: readonly Judged[]): BaselineState => ({
  ...state,
  episode: null,
  window: window.slice(-2),
});
