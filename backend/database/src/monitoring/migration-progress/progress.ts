import type { DataMigrationView, MigrationPhase, MigrationSample } from '@clearway/contracts';

/** What is kept of a migration beside its samples. */
export interface MigrationState {
  readonly phase: MigrationPhase;
  readonly phaseSince: string | null;
  /** What `done` said before the migration began. */
  readonly doneBefore: number | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  /** When `done` last moved. */
  readonly lastProgressAt: string | null;
  readonly lastDone: number | null;
  /** Which way it moved. */
  readonly isReversing: boolean;
  /** Somebody said that it began: it is active before anything is done. */
  readonly wasStarted: boolean;
}

/** Before the first sample. */
export const NEW_MIGRATION: MigrationState = {
  phase: 'baseline',
  phaseSince: null,
  doneBefore: null,
  startedAt: null,
  completedAt: null,
  lastProgressAt: null,
  lastDone: null,
  isReversing: false,
  wasStarted: false,
};

/** Figures of one moment. */
export interface Figures {
  readonly total: number;
  readonly done: number;
}

/** What decides about the end. */
export interface PhaseRules {
  readonly validationMinutes: number;
  /** What still keeps it from being steady: violated checks, for example. */
  readonly waitsFor: readonly string[];
}

/**
 * The state after new figures. It is active once something is done, in validation once all is done, steady once that held for its time;
 * and it goes back when there is more to do again, or when it was undone.
 */
export function advance(state: MigrationState, { total, done }: Figures, rules: PhaseRules, now: Date): MigrationState {
  const at = now.toISOString();
  const doneBefore = state.doneBefore ?? done;
  const moved = state.lastDone !== null && done !== state.lastDone;
  const next: MigrationState = {
    ...state,
    doneBefore: state.phase === 'baseline' && !state.wasStarted ? Math.min(doneBefore, done) : doneBefore,
    phaseSince: state.phaseSince ?? at,
    lastDone: done,
    ...(moved && { lastProgressAt: at, isReversing: done < (state.lastDone ?? 0) }),
  };
  const phase = phaseOf(next, { total, done }, rules, now);
  if (phase === state.phase) return next;
  return {
    ...next,
    phase,
    phaseSince: at,
    startedAt: phase === 'baseline' ? null : (state.startedAt ?? at),
    lastProgressAt: next.lastProgressAt ?? at,
    completedAt: phase === 'validation' ? at : phase === 'steady' ? state.completedAt : null,
    wasStarted: phase === 'baseline' ? false : state.wasStarted,
  };
}

function phaseOf(state: MigrationState, { total, done }: Figures, rules: PhaseRules, now: Date): MigrationPhase {
  const { phase, phaseSince, doneBefore, wasStarted } = state;
  const isUntouched = done <= (doneBefore ?? 0) && done < total;
  if (isUntouched && !wasStarted) return 'baseline';
  if (done < total) return 'active';
  if (phase === 'steady') return 'steady';
  if (phase === 'baseline' && !wasStarted && done <= (doneBefore ?? 0)) return 'baseline';
  if (phase !== 'validation') return 'validation';
  const heldMs = now.getTime() - Date.parse(phaseSince ?? now.toISOString());
  return heldMs >= rules.validationMinutes * 60_000 && rules.waitsFor.length === 0 ? 'steady' : 'validation';
}

const RATE_MINUTES = 10;

/** Rate and time left, from the samples of the last minutes in which it was active. */
export function paceOf(samples: readonly MigrationSample[]): {
  ratePerMinute: number | null;
  secondsLeft: number | null;
} {
  const known = samples.filter(({ phase, done, total }) => phase === 'active' && done !== null && total !== null);
  const last = known[0];
  if (!last) return { ratePerMinute: null, secondsLeft: null };
  const sinceMs = Date.parse(last.at) - RATE_MINUTES * 60_000;
  const first = known.findLast(({ at }) => Date.parse(at) >= sinceMs);
  const minutes = first ? (Date.parse(last.at) - Date.parse(first.at)) / 60_000 : 0;
  if (!first || minutes === 0) return { ratePerMinute: null, secondsLeft: null };
  const remaining = (sample: MigrationSample) => (sample.total ?? 0) - (sample.done ?? 0);
  const ratePerMinute = ((last.done ?? 0) - (first.done ?? 0)) / minutes;
  const shrinking = (remaining(first) - remaining(last)) / minutes;
  const left = remaining(last);
  return { ratePerMinute, secondsLeft: left <= 0 ? 0 : shrinking > 0 ? (60 * left) / shrinking : null };
}

/** How it goes, in one word. */
export function statusOf(
  state: MigrationState,
  now: Date,
  { stalledMinutes, isUnknown }: { stalledMinutes: number; isUnknown: boolean },
): DataMigrationView['status'] {
  if (isUnknown) return 'unknown';
  if (state.phase === 'baseline') return 'waiting';
  if (state.phase === 'validation') return 'validating';
  if (state.phase === 'steady') return 'steady';
  const since = state.lastProgressAt ?? state.phaseSince;
  const restingMs = since === null ? 0 : now.getTime() - Date.parse(since);
  if (restingMs >= stalledMinutes * 60_000) return 'stalled';
  return state.isReversing ? 'reversing' : 'running';
}
