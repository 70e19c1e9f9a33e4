import type { SQLOutputValue } from 'node:sqlite';

/** What a number in a column of dates counts: chosen by its size unless it is said. */
export type Moments = 'auto' | 'seconds' | 'milliseconds' | 'microseconds';

/** A number above this is no count of seconds: that would be the year 5138. */
const LARGEST_SECONDS = 100_000_000_000;

/**
 * A point in time in microseconds since 1970. SQLite has no type for it: frameworks write milliseconds or seconds since
 * 1970, or text as ISO 8601 has it, in UTC unless it says otherwise.
 *
 * @returns undefined when it is none
 */
export function parseMoment(value: Exclude<SQLOutputValue, null>, moments: Moments): bigint | undefined {
  if (value instanceof Uint8Array) return undefined;
  if (typeof value === 'string') {
    return /^-?\d+(?:\.\d+)?$/.test(value.trim()) ? ofNumber(Number(value), moments) : ofText(value.trim());
  }
  return ofNumber(Number(value), moments);
}

function ofNumber(value: number, moments: Moments): bigint | undefined {
  if (!Number.isFinite(value)) return undefined;
  const auto = Math.abs(value) >= LARGEST_SECONDS ? 'milliseconds' : 'seconds';
  const factor = { seconds: 1_000_000, milliseconds: 1000, microseconds: 1 }[moments === 'auto' ? auto : moments];
  const whole = Math.trunc(value);
  return BigInt(whole) * BigInt(factor) + BigInt(Math.round((value - whole) * factor));
}

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})0*)?)?\s*(?:(Z|UTC)|([+-])(\d{2}):?(\d{2})?)?)?$/i;

function ofText(text: string): bigint | undefined {
  const match = ISO.exec(text);
  if (!match) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour = '0',
    minute = '0',
    second = '0',
    fraction = '',
    ,
    sign,
    offsetHour = '0',
    offsetMinute = '0',
  ] = match;
  const utcMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const back = new Date(utcMs);
  // the 30th of February would become a day of March
  if (back.getUTCMonth() !== Number(month) - 1 || back.getUTCDate() !== Number(day) || Number(hour) > 23)
    return undefined;
  const offsetMs = (sign === '-' ? -1 : 1) * (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000;
  return BigInt(utcMs - offsetMs) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}
