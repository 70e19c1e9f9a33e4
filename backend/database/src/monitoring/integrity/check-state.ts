import type { FindingSeverity, IntegrityCheck, IntegrityKind, IntegrityStatus } from '@clearway/contracts';
import type { SampleKey } from '../read-only/read-offending.ts';
import type { ScanState } from './scan.ts';

/** A check as it is defined: by the configuration, or by a foreign key of the database. */
export interface CheckDefinition {
  readonly id: string;
  readonly kind: IntegrityKind;
  readonly title: string;
  readonly severity: FindingSeverity;
  readonly schedule: string;
  readonly runbook: string | null;
}

/** What is known of a check, kept from one pass to the next. */
export interface CheckState {
  readonly id: string;
  /** Of a foreign key, so that it can be shown before the keys were listed again. */
  readonly kind: IntegrityKind | null;
  readonly title: string | null;
  readonly status: IntegrityStatus;
  readonly violations: number;
  readonly isBound: boolean;
  readonly value: number | null;
  readonly previous: number | null;
  readonly sample: readonly SampleKey[];
  readonly notes: readonly string[];
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly firstSeenAt: string | null;
  readonly lastRunAt: string | null;
  readonly lastOkAt: string | null;
  readonly durationMs: number | null;
  readonly scan: ScanState | null;
}

/** How a run of a check ended. */
export interface CheckResult {
  readonly status: Exclude<IntegrityStatus, 'pending'>;
  readonly violations?: number;
  readonly isBound?: boolean;
  readonly value?: number | null;
  readonly sample?: readonly SampleKey[];
  readonly notes?: readonly string[];
  readonly reason?: string;
  readonly remedy?: string;
  readonly durationMs: number;
}

/** A check that never ran. */
export function unknownState(id: string): CheckState {
  return {
    id,
    kind: null,
    title: null,
    status: 'pending',
    violations: 0,
    isBound: false,
    value: null,
    previous: null,
    sample: [],
    notes: [],
    reason: null,
    remedy: null,
    firstSeenAt: null,
    lastRunAt: null,
    lastOkAt: null,
    durationMs: null,
    scan: null,
  };
}

/**
 * The state after a run. A run without an answer keeps what was known of the rows: nobody saw them go.
 *
 * @param now when the run ended
 */
export function afterRun(state: CheckState, result: CheckResult, now: Date): CheckState {
  const at = now.toISOString();
  const { status, durationMs, reason = null, remedy = null, notes = state.notes } = result;
  const ended = { ...state, status, durationMs, reason, remedy, notes, lastRunAt: at, scan: null };
  if (status === 'skipped' || status === 'failed') return ended;
  const wasRun = state.lastOkAt !== null || state.firstSeenAt !== null;
  return {
    ...ended,
    violations: result.violations ?? 0,
    isBound: result.isBound ?? false,
    value: result.value ?? null,
    previous: wasRun ? (state.value ?? state.violations) : null,
    sample: result.sample ?? [],
    firstSeenAt: status === 'violated' ? (state.firstSeenAt ?? at) : null,
    lastOkAt: status === 'ok' ? at : state.lastOkAt,
  };
}

/** How the present result differs from the one before. */
export function trendOf({ status, violations, value, previous }: CheckState): IntegrityCheck['trend'] {
  const present = value ?? violations;
  if (previous === null) return status === 'violated' ? 'new' : 'none';
  if (value === null && previous === 0 && violations > 0) return 'new';
  if (present === previous) return present === 0 && value === null ? 'none' : 'steady';
  return present > previous ? 'rising' : 'falling';
}
