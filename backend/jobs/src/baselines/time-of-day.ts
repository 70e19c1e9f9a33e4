const HOUR_MS = 3_600_000;
const DAY_SECONDS = 86_400;
const MOST_REMEMBERED = 5000;

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/**
 * Seconds since midnight in a time zone, as its clocks show.
 *
 * @param atMs milliseconds since 1970
 * @param timeZone IANA name
 * @throws RangeError when the zone is unknown
 */
export function secondsOfDay(atMs: number, timeZone: string): number {
  const local = timeZone === 'UTC' ? atMs / 1000 : atMs / 1000 + offsetSeconds(atMs, timeZone);
  return ((local % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS;
}

/** Offsets change at most at a quarter of an hour; asking Intl for each run would cost more than judging it. */
function offsetSeconds(atMs: number, timeZone: string): number {
  const quarter = Math.floor((atMs * 4) / HOUR_MS);
  const key = `${timeZone} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  if (offsets.size >= MOST_REMEMBERED) offsets.clear();
  const offset = askIntl((quarter * HOUR_MS) / 4, timeZone);
  offsets.set(key, offset);
  return offset;
}

function askIntl(atMs: number, timeZone: string): number {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone, hourCycle: 'h23', timeStyle: 'medium', dateStyle: 'short' });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return (Date.UTC(year, month - 1, day, hour, minute, second) - atMs) / 1000;
}
