import type { CheckOutcome, TargetHealth } from './target-health.ts';

/** What is checked: one target. */
export interface CheckedTarget {
  readonly health: TargetHealth;
}

/** So many checks run at once, over all upstreams: a gateway with hundreds of targets must not be busy with asking. */
const MAX_RUNNING = 32;
/** The first checks of a start are spread over this time. */
const FIRST_WITHIN_MS = 500;
/** Share of the interval by which a check may come earlier or later, so that many gateways do not ask at once. */
const JITTER = 0.1;

/** Hands out as many places as there are, in the order in which they are asked for. */
export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places = MAX_RUNNING) {
    this.#free = places;
  }

  /** Runs `work` as soon as there is a place. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

/** How an upstream is checked. */
export interface HealthChecksOptions<T extends CheckedTarget> {
  readonly targets: readonly T[];
  readonly intervalMs: number;
  readonly places: Places;
  /** Runs one check; never rejects. */
  readonly check: (target: T) => Promise<CheckOutcome>;
  /** Told of every check, and whether it changed the target's state. */
  readonly onChecked: (target: T, outcome: CheckOutcome, hasChanged: boolean) => void;
  /** Yields [0, 1). */
  readonly random?: () => number;
}

/**
 * Checks the targets of one upstream again and again, each by itself: the next check is planned when one is done, so that
 * a slow target is never asked twice at once.
 *
 * @returns ends it
 */
export function startHealthChecks<T extends CheckedTarget>(options: HealthChecksOptions<T>): () => void {
  const { targets, intervalMs, places, check, onChecked, random = Math.random } = options;
  const timers = new Map<T, NodeJS.Timeout>();
  let isStopped = false;
  const plan = (target: T, afterMs: number): void => {
    if (isStopped) return;
    timers.set(target, setTimeout(() => void run(target), afterMs).unref());
  };
  const run = async (target: T): Promise<void> => {
    const outcome = await places.within(() => check(target));
    if (isStopped) return;
    onChecked(target, outcome, target.health.apply(outcome));
    plan(target, intervalMs * (1 - JITTER + 2 * JITTER * random()));
  };
  for (const target of targets) plan(target, random() * Math.min(intervalMs, FIRST_WITHIN_MS));
  return () => {
    isStopped = true;
    timers.forEach((timer) => clearTimeout(timer));
  };
}
