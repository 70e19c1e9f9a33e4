import { nextDue } from '../schedule/due.ts';
import { dueOutcomes } from './due-outcomes.ts';
import { failuresInRow, failing } from './failing.ts';
import { late } from './late.ts';
import { comparedWithUsual, overLong } from './long.ts';
import { silent } from './silent.ts';
import type { HealthInput, JobHealth, JobState, Reason } from './types.ts';

/** The worst first: what fails, then what nobody hears of, then what has not come, then what is unusual. */
const ORDER: readonly JobState[] = ['failing', 'silent', 'late', 'suspicious', 'slow', 'healthy'];

/**
 * Says how a job stands: by its schedule, by how its runs ended, and by its own past. Looks at nothing but what it is
 * given, so that the same rule judges defined and reported jobs, and any moment can be tried.
 *
 * @example
 * judge({ expectation: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' }, graceSeconds: 600, runs, openRuns: [],
 *   nowMs: Date.now(), sinceMs }).state; // 'late'
 */
export function judge(input: HealthInput): JobHealth {
  const { expectation, nowMs, isPaused = false } = input;
  const schedule = expectation && 'cron' in expectation ? expectation : null;
  const nextDueAtMs = schedule && !isPaused ? nextDue(schedule, new Date(nowMs)).getTime() : null;
  const due = schedule && nextDueAtMs !== null ? dueOutcomes(schedule, nextDueAtMs, input) : [];
  const reasons = [
    ...failing(input),
    ...silent(input, due),
    ...late(input, due),
    ...overLong(input),
    ...comparedWithUsual(input),
  ].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  return {
    state: stateOf(reasons),
    reasons,
    due,
    nextDueAtMs,
    failuresInRow: failuresInRow(input.runs).length,
  };
}

const stateOf = ([worst]: readonly Reason[]): JobState => worst?.state ?? 'healthy';
