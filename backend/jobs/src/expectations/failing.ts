import { countText } from '../baselines/words.ts';
import type { HealthInput, JudgedRun, Reason } from './types.ts';

const FAILURES: readonly JudgedRun['status'][] = ['FAILED', 'TIMED_OUT', 'LOST'];
/** Neither says how the job is: one was stopped or given back, the other had nothing to do. */
const SAYS_NOTHING: readonly JudgedRun['status'][] = ['CANCELLED', 'DUPLICATE'];
const LONGEST_TEXT = 200;

/** The failed runs since the last one that succeeded, newest first. */
export function failuresInRow(runs: readonly JudgedRun[]): JudgedRun[] {
  const telling = runs.filter(({ status }) => !SAYS_NOTHING.includes(status));
  const success = telling.findIndex(({ status }) => !FAILURES.includes(status));
  return success === -1 ? telling : telling.slice(0, success);
}

export function failing({ runs, failuresInRow: limit = 1 }: HealthInput): Reason[] {
  const failed = failuresInRow(runs);
  const [last] = failed;
  if (!last || failed.length < limit) return [];
  const how = { TIMED_OUT: 'timed out', LOST: 'was lost with its worker' }[last.status as string] ?? 'failed';
  const text =
    failed.length === 1 ? `the last run ${how}` : `the last ${countText(failed.length)} runs failed; the newest ${how}`;
  const cause = last.errorMessage ? `: ${last.errorMessage.slice(0, LONGEST_TEXT)}` : '';
  return [
    { code: 'failed', state: 'failing', text: text + cause, sinceMs: failed.at(-1)!.startedAtMs, runId: last.id },
  ];
}
