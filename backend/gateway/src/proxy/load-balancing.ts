/** How a target is chosen. */
export const BALANCES = ['round-robin', 'weighted', 'least-in-flight'] as const;
export type Balance = (typeof BALANCES)[number];

/** What the choice needs to know of a target. */
export interface Balanced {
  readonly weight: number;
  readonly inFlight: number;
}

/** Chooses one of the targets that were not tried yet; undefined when none is left. */
export type Balancer<T extends Balanced> = (targets: readonly T[], tried: ReadonlySet<T>) => T | undefined;

/**
 * Makes a balancer.
 *
 * `least-in-flight` looks at two random targets and takes the less busy one, which spreads nearly as well as looking at
 * all of them and never sends everybody to one target.
 * Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 2001.
 * `weighted` is smooth weighted round-robin, as nginx does it.
 *
 * @param random yields [0, 1)
 */
export function createBalancer<T extends Balanced>(balance: Balance, random: () => number = Math.random): Balancer<T> {
  const choose = {
    'round-robin': roundRobin<T>(),
    weighted: smoothWeighted<T>(),
    'least-in-flight': twoChoices<T>(random),
  };
  const pick = choose[balance];
  return (targets, tried) => {
    const left = tried.size === 0 ? targets : targets.filter((target) => !tried.has(target));
    return left.length <= 1 ? left[0] : pick(left);
  };
}

function roundRobin<T>(): (targets: readonly T[]) => T | undefined {
  let next = 0;
  return (targets) => targets[next++ % targets.length];
}

function smoothWeighted<T extends Balanced>(): (targets: readonly T[]) => T | undefined {
  const current = new WeakMap<T, number>();
  return (targets) => {
    let best: T | undefined;
    let total = 0;
    for (const target of targets) {
      total += target.weight;
      current.set(target, (current.get(target) ?? 0) + target.weight);
      if (best === undefined || (current.get(target) ?? 0) > (current.get(best) ?? 0)) best = target;
    }
    if (best !== undefined) current.set(best, (current.get(best) ?? 0) - total);
    return best;
  };
}

function twoChoices<T extends Balanced>(random: () => number): (targets: readonly T[]) => T | undefined {
  return (targets) => {
    const first = Math.floor(random() * targets.length);
    const offset = 1 + Math.floor(random() * (targets.length - 1));
    const a = targets[first];
    const b = targets[(first + offset) % targets.length];
    return a && b && b.inFlight / b.weight < a.inFlight / a.weight ? b : a;
  };
}
