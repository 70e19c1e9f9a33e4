import { Failure } from '@clearway/kernel';
import type { Exchange } from '../pipeline/exchange.ts';
import type { Outside, Target } from './targets.ts';

/** Where an attempt has its connection: in the target's pool (undefined), or one to itself of this kind. */
export type Place = keyof Outside | undefined;

/**
 * The kind of connection that a request gets beside the pool: as many of them as the pool has for what is no upgrade, and
 * as many upgrades as the gateway may have.
 *
 * @throws Failure `overloaded` when there are no more
 */
export function placeOutside({ upgrade, runtime }: Exchange, target: Target): keyof Outside {
  const { upgrades, configuration } = runtime;
  const isFull = upgrade
    ? upgrades.isClosing || upgrades.size >= configuration.server.maxUpgrades
    : target.outside.others >= target.maxConnections;
  if (isFull) throw new Failure('overloaded', { message: 'no more connections beside the pool may be opened' });
  return upgrade ? 'upgrades' : 'others';
}

/** An attempt's use of a target is over. */
export function leave(target: Target, place: Place): void {
  target.inFlight--;
  if (place) target.outside[place]--;
}

/** Whether an attempt that is not sent yet waits for one of the pool's connections rather than for the target. */
export function isQueued({ inFlight, outside, maxConnections }: Target, place: Place): boolean {
  return place === undefined && inFlight - outside.upgrades - outside.others > maxConnections;
}
