import type { VerdictKind } from '../baselines/types.ts';
import type { DueTimes } from '../schedule/due.ts';

/** When runs are expected: by a clock, or not more than so many seconds after the last sign of the job. */
export type Expectation = DueTimes | { readonly everySeconds: number };

/** A run as far as its job is judged by it. Times are milliseconds since 1970. */
export interface JudgedRun {
  readonly id: string;
  readonly status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'CANCELLED' | 'LOST' | 'DUPLICATE';
  /** What made it run; only runs of the schedule, and reported ones, answer to a due time. */
  readonly trigger: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number | undefined;
  /** The due time it was made for, where it is known. */
  readonly dueAtMs?: number | undefined;
  /** Its last sign of life. */
  readonly heartbeatAtMs?: number | undefined;
  readonly errorMessage?: string | undefined;
}

/** How long runs usually take, and how the last ones stand against it. */
export interface UsualDuration {
  readonly p95Ms: number;
  readonly verdict: VerdictKind;
  readonly evidence: string | null;
}

export interface HealthInput {
  /** Null: nobody expects a run at any time. */
  readonly expectation: Expectation | null;
  /** How much later than expected a run may begin. */
  readonly graceSeconds: number;
  /** Runs that ended, newest first. */
  readonly runs: readonly JudgedRun[];
  /** Runs that go on. */
  readonly openRuns: readonly JudgedRun[];
  readonly nowMs: number;
  /** Since when runs are expected: the job, or its present schedule, is that old. Due times before are nobody's. */
  readonly sinceMs: number;
  /** As far back as `runs` is complete; a due time before could have had a run that is forgotten. Default `sinceMs`. */
  readonly runsKnownSinceMs?: number;
  /** Since when this was watched without a gap or a jump of the clock: nothing is late that nobody could have started. */
  readonly watchedSinceMs?: number;
  readonly isPaused?: boolean;
  /** Whether another machine's cron starts it, which may have ways of its own on the nights of clock changes. */
  readonly isReported?: boolean;
  readonly usual?: UsualDuration | undefined;
  /** Failed runs in a row from which a job is called failing. Default 1. */
  readonly failuresInRow?: number;
  /** A run that gives signs of life is silent after so long without one. Default: runs need not give any. */
  readonly signSeconds?: number;
}

export type JobState = 'healthy' | 'late' | 'failing' | 'slow' | 'silent' | 'suspicious';

export type ReasonCode =
  | 'failed'
  | 'run_silent'
  | 'no_sign'
  | 'missed_in_row'
  | 'not_begun'
  | 'began_late'
  | 'over_long'
  | 'slow'
  | 'fast'
  | 'empty';

/** Why a job is not healthy. */
export interface Reason {
  readonly code: ReasonCode;
  readonly state: Exclude<JobState, 'healthy'>;
  /** For a person. */
  readonly text: string;
  readonly sinceMs: number;
  readonly runId?: string;
}

/** What became of a due time. */
export interface DueOutcome {
  readonly dueAtMs: number;
  /** `waiting`: within its grace. `late`: past it, and the next has not come. `missed`: the next has come, no run has. */
  readonly outcome: 'begun' | 'waiting' | 'late' | 'missed';
  readonly runId?: string;
  /** How long after the due time its run began. */
  readonly delayMs?: number;
}

/** How a job stands. */
export interface JobHealth {
  readonly state: JobState;
  /** The worst first; empty when it is healthy. */
  readonly reasons: readonly Reason[];
  /** The last due times, newest first. */
  readonly due: readonly DueOutcome[];
  readonly nextDueAtMs: number | null;
  readonly failuresInRow: number;
}
