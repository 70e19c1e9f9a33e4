const THREE_DIGITS = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'));

let second = NaN;
let untilSecond = '';

/**
 * `new Date(ms).toISOString()`, at a tenth of its cost for times within the same second.
 *
 * @param ms whole milliseconds since 1970
 */
export function isoTime(ms: number): string {
  const within = ms - second;
  if (within >= 0 && within < 1000) return `${untilSecond}${THREE_DIGITS[within]}Z`;
  const text = new Date(ms).toISOString();
  second = Math.floor(ms / 1000) * 1000;
  untilSecond = text.slice(0, -4);
  return text;
}
