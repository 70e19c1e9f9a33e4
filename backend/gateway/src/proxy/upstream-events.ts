import type { CheckOutcome } from './health/target-health.ts';

/** One health check of a target. */
export interface TargetChecked {
  readonly kind: 'checked';
  readonly upstream: string;
  readonly target: string;
  readonly outcome: CheckOutcome;
  readonly isHealthy: boolean;
  /** Whether the check changed that. */
  readonly hasChanged: boolean;
}

/** A target's name has other addresses than before. */
export interface NameMoved {
  readonly kind: 'name-moved';
  readonly name: string;
  readonly before: readonly string[];
  readonly addresses: readonly string[];
}

/** A name that could be resolved cannot be any more. */
export interface NameFailed {
  readonly kind: 'name-failed';
  readonly name: string;
  readonly cause: string;
  /** What is still used. */
  readonly addresses: readonly string[];
}

/** A name can be resolved again. */
export interface NameRecovered {
  readonly kind: 'name-recovered';
  readonly name: string;
  readonly addresses: readonly string[];
}

/** What happens to upstreams outside of any request. */
export type UpstreamEvent = TargetChecked | NameMoved | NameFailed | NameRecovered;

/** Told of each event. */
export type UpstreamListener = (event: UpstreamEvent) => void;
