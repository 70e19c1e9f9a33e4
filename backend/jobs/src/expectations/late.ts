import { durationText } from '../baselines/words.ts';
import { wallTime } from '../schedule/time-zone.ts';
import type { DueOutcome, HealthInput, Reason } from './types.ts';

/** A due time whose run has not begun, or began after the grace and still goes on. What has ended came after all. */
export function late(input: HealthInput, due: readonly DueOutcome[]): Reason[] {
  const { expectation, graceSeconds, nowMs } = input;
  // while the newest is within its grace, the one before it says how the job stands
  const latest = due.find(({ outcome }) => outcome !== 'waiting');
  if (!latest || !expectation || !('cron' in expectation)) return [];
  const { dueAtMs, outcome } = latest;
  const when = `due at ${wallTime(dueAtMs, expectation.timeZone)} (${expectation.timeZone})`;
  const grace = `grace ${durationText(graceSeconds * 1000)}`;
  if (outcome !== 'begun') {
    const text = `${when}, not begun for ${durationText(nowMs - dueAtMs)}; ${grace}`;
    return [{ code: 'not_begun', state: 'late', text, sinceMs: dueAtMs }];
  }
  const { delayMs = 0, runId = '' } = latest;
  const isOpen = input.openRuns.some(({ id }) => id === runId);
  if (!isOpen || delayMs <= graceSeconds * 1000) return [];
  const text = `${when}, began ${durationText(delayMs)} later; ${grace}`;
  return [{ code: 'began_late', state: 'late', text, sinceMs: dueAtMs, runId }];
}
