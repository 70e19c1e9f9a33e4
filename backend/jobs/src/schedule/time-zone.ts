const QUARTER_MS = 15 * 60_000;
const MOST_REMEMBERED = 5000;

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/**
 * How far the clocks of a time zone are ahead of UTC.
 *
 * @param atMs milliseconds since 1970
 * @param timeZone IANA name
 * @returns seconds; negative in the west
 * @throws {RangeError} when the zone is unknown
 */
export function offsetSeconds(atMs: number, timeZone: string): number {
  if (timeZone === 'UTC') return 0;
  // clocks change at most at a quarter of an hour, and asking Intl each time would cost more than what it is asked for
  const quarter = Math.floor(atMs / QUARTER_MS);
  const key = `${timeZone} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  if (offsets.size >= MOST_REMEMBERED) offsets.clear();
  const shown = Date.parse(`${wallTime(quarter * QUARTER_MS, timeZone).replace(' ', 'T')}Z`);
  const offset = (shown - quarter * QUARTER_MS) / 1000;
  offsets.set(key, offset);
  return offset;
}

/** What the clocks of a time zone show: `2026-03-29 02:30`. */
export function wallTime(atMs: number, timeZone: string): string {
  let format = formats.get(timeZone);
  if (!format) {
    // the Swedish form is that of ISO 8601
    format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' });
    if (formats.size >= MOST_REMEMBERED) formats.clear();
    formats.set(timeZone, format);
  }
  return format.format(atMs);
}
