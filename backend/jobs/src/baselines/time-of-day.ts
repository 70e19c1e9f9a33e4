import { offsetSeconds } from '../schedule/time-zone.ts';

const DAY_SECONDS = 86_400;

/**
 * Seconds since midnight in a time zone, as its clocks show.
 *
 * @param atMs milliseconds since 1970
 * @param timeZone IANA name
 * @throws {RangeError} when the zone is unknown
 */
export function secondsOfDay(atMs: number, timeZone: string): number {
  const local = atMs / 1000 + offsetSeconds(atMs, timeZone);
  return ((local % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS;
}
