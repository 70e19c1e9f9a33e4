import { offsetSeconds } from '../schedule/time-zone.ts';

const HALF_HOUR_MS = 1_800_000;

/**
 * How much later another machine's cron may start a run that was due on the night of a clock change: some start what the
 * clock skipped at once, some after as much time as was skipped; of a time that exists twice some take the second.
 *
 * @returns milliseconds; 0 on all other nights
 */
export function clockChangeMs(dueAtMs: number, timeZone: string): number {
  const offset = offsetSeconds(dueAtMs, timeZone);
  const skipped = offset - offsetSeconds(dueAtMs - 1, timeZone);
  if (skipped > 0) return skipped * 1000;
  const repeats = [1, 2].map((halfHours) => halfHours * HALF_HOUR_MS);
  return repeats.find((ms) => (offset - offsetSeconds(dueAtMs + ms, timeZone)) * 1000 === ms) ?? 0;
}
