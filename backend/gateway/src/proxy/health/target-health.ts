import type { FailureReason } from '@clearway/kernel';

/** Unknown until it was checked for the first time; then it counts as healthy. */
export type HealthState = 'unknown' | 'healthy' | 'unhealthy';

/** What one check found. */
export interface CheckOutcome {
  readonly isPassed: boolean;
  readonly atMs: number;
  readonly durationMs: number;
  /** Undefined when there was no answer. */
  readonly status: number | undefined;
  /** Why it failed; undefined for an answer with a status that is not expected. */
  readonly reason: FailureReason | undefined;
  /** For operators. */
  readonly cause: string | undefined;
}

/** After how many outcomes in a row the state changes. */
export interface Thresholds {
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
}

/**
 * The health of one target. The first check decides at once, so that a gateway that has just started does not have to
 * learn by its clients' failures; after it, a change takes as many equal outcomes in a row as are configured.
 */
export class TargetHealth {
  state: HealthState = 'unknown';
  /** When the state was entered, in milliseconds since 1970. */
  sinceMs: number;
  last: CheckOutcome | undefined;
  #streak = 0;
  readonly #thresholds: Thresholds;

  /** @param previous the health that the same target had under another configuration */
  constructor(thresholds: Thresholds, nowMs: number, previous?: TargetHealth) {
    this.#thresholds = thresholds;
    this.sinceMs = nowMs;
    if (!previous) return;
    this.state = previous.state;
    this.sinceMs = previous.sinceMs;
    this.last = previous.last;
  }

  /** Whether requests may be sent to the target. */
  get isUsable(): boolean {
    return this.state !== 'unhealthy';
  }

  /** Takes in an outcome; whether it changed the state. */
  apply(outcome: CheckOutcome): boolean {
    this.last = outcome;
    const next = outcome.isPassed ? 'healthy' : 'unhealthy';
    if (next === this.state) {
      this.#streak = 0;
      return false;
    }
    this.#streak++;
    const { healthyAfter, unhealthyAfter } = this.#thresholds;
    const isEnough = this.state === 'unknown' || this.#streak >= (outcome.isPassed ? healthyAfter : unhealthyAfter);
    if (!isEnough) return false;
    this.state = next;
    this.sinceMs = outcome.atMs;
    this.#streak = 0;
    return true;
  }
}
