import type { DatabaseCheck, DatabaseCheckId, DatabaseCheckStatus } from '@clearway/contracts';

/** From when on a value is a warning or critical, and for how long it has to be. */
export interface Limits {
  readonly warning: number;
  readonly critical: number;
  readonly forSeconds: number;
}

/** What was found out about one check in one pass. */
export type Finding =
  | { readonly skipped: string; readonly recommendation?: string }
  | { readonly notWatched: string }
  | {
      readonly value?: number;
      readonly unit?: DatabaseCheck['unit'];
      readonly limits?: Limits;
      /** For checks that have no value: how it stands. */
      readonly status?: 'ok' | 'warning' | 'critical';
      readonly message: string;
      readonly recommendation?: string;
      readonly evidence?: NonNullable<DatabaseCheck['evidence']>;
    };

type Level = 'ok' | 'warning' | 'critical';
const RUNBOOKS: Partial<Record<DatabaseCheckId, string>> = {
  reachable: 'docs/runbooks/database-down.md',
  connections: 'docs/runbooks/database-connections.md',
  idle_in_transaction: 'docs/runbooks/database-blocked.md',
  lock_wait: 'docs/runbooks/database-blocked.md',
  deadlocks: 'docs/runbooks/database-blocked.md',
  query_time: 'docs/runbooks/database-slow-queries.md',
  sequential_reads: 'docs/runbooks/database-slow-queries.md',
  indexes: 'docs/runbooks/database-slow-queries.md',
  size: 'docs/runbooks/database-size.md',
  wraparound: 'docs/runbooks/database-wraparound.md',
  sequences: 'docs/runbooks/database-wraparound.md',
  replication_slots: 'docs/runbooks/database-size.md',
};

/** Of a threshold's duration: a pass that comes that much before its end stands for it. */
const EARLY_SHARE = 0.05;

/**
 * Follows one check over time: a limit counts only when it has been passed for as long as its threshold says, without a
 * pass in between that found it kept. A pass that found nothing neither clears nor confirms anything. Passes come a little
 * early or late: the one nearest to the end of the duration decides, not always the one after it.
 */
export class CheckState {
  readonly #id: DatabaseCheckId;
  #status: DatabaseCheckStatus | undefined;
  /** The last one that was found out: between two of them there may be passes without an answer. */
  #level: Level = 'ok';
  #sinceMs = 0;
  #lastMs: number | undefined;
  /** Since when the value has been at least at this level. */
  readonly #overSinceMs: { warning: number | undefined; critical: number | undefined } = {
    warning: undefined,
    critical: undefined,
  };

  constructor(id: DatabaseCheckId) {
    this.#id = id;
  }

  /**
   * Takes in what a pass found.
   *
   * @returns the judgement, and the level before when it changed
   */
  update(finding: Finding, nowMs: number): { readonly check: DatabaseCheck; readonly before?: Level } {
    const judged = this.#judge(finding, nowMs);
    this.#lastMs = nowMs;
    const { status } = judged;
    if (this.#status !== status) this.#sinceMs = nowMs;
    this.#status = status;
    const runbook = RUNBOOKS[this.#id];
    const needsHelp = status === 'warning' || status === 'critical';
    const check: DatabaseCheck = {
      id: this.#id,
      ...judged,
      since: new Date(this.#sinceMs).toISOString(),
      ...(needsHelp && runbook !== undefined && { runbook }),
    };
    const before = this.#level;
    if (status === 'skipped' || status === 'not_watched' || status === before) return { check };
    this.#level = status;
    return { check, before };
  }

  #judge(finding: Finding, nowMs: number): Omit<DatabaseCheck, 'id' | 'since' | 'runbook'> {
    if ('skipped' in finding) {
      const { skipped: message, recommendation } = finding;
      return { status: 'skipped', message, ...(recommendation !== undefined && { recommendation }) };
    }
    if ('notWatched' in finding) return { status: 'not_watched', message: finding.notWatched };
    const { value, unit, limits, message, recommendation, evidence } = finding;
    const level = levelOf(finding);
    const forMs = (limits?.forSeconds ?? 0) * 1000;
    const status = this.#confirmed(level, forMs - this.#earlyMs(forMs, nowMs), nowMs);
    const pending = level !== status && level !== 'ok' ? this.#pending(level, forMs, nowMs) : undefined;
    return {
      status,
      message,
      ...(recommendation !== undefined && { recommendation }),
      ...(value !== undefined && { value }),
      ...(unit !== undefined && { unit }),
      ...(limits !== undefined && { warning: limits.warning, critical: limits.critical }),
      ...(evidence !== undefined && { evidence }),
      ...(pending && { pending }),
    };
  }

  #confirmed(level: Level, forMs: number, nowMs: number): Level {
    const over = this.#overSinceMs;
    over.warning = level === 'ok' ? undefined : (over.warning ?? nowMs);
    over.critical = level === 'critical' ? (over.critical ?? nowMs) : undefined;
    if (over.critical !== undefined && nowMs - over.critical >= forMs) return 'critical';
    return over.warning !== undefined && nowMs - over.warning >= forMs ? 'warning' : 'ok';
  }

  #earlyMs(forMs: number, nowMs: number): number {
    return Math.min((nowMs - (this.#lastMs ?? nowMs)) / 2, forMs * EARLY_SHARE);
  }

  #pending(level: 'warning' | 'critical', forMs: number, nowMs: number): NonNullable<DatabaseCheck['pending']> {
    const sinceMs = this.#overSinceMs[level] ?? nowMs;
    return {
      status: level,
      since: new Date(sinceMs).toISOString(),
      countsFrom: new Date(sinceMs + forMs).toISOString(),
    };
  }
}

function levelOf({ value, limits, status }: Extract<Finding, { message: string }>): Level {
  if (status !== undefined) return status;
  if (value === undefined || limits === undefined) return 'ok';
  if (value >= limits.critical) return 'critical';
  return value >= limits.warning ? 'warning' : 'ok';
}

/** The worst of several; undefined when nothing was found out. */
export function worstOf(checks: readonly Pick<DatabaseCheck, 'status'>[]): Level | 'unknown' {
  const found = new Set(checks.map(({ status }) => status));
  if (found.has('critical')) return 'critical';
  if (found.has('warning')) return 'warning';
  return found.has('ok') ? 'ok' : 'unknown';
}
