const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);

/** Whether a text is a span id: 16 lower-case hex digits, not all zero. */
export function isSpanId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text) && text !== ZERO_SPAN;
}

/**
 * A trace id of up to 128 bits in the form of W3C Trace Context: lower case, zeros in front of a shorter one. Undefined
 * when it is none or all zero.
 *
 * @param digits at most 32 hex digits
 */
export function traceIdOf(digits: string): string | undefined {
  if (!/^[0-9a-fA-F]{1,32}$/.test(digits)) return undefined;
  const traceId = digits.toLowerCase().padStart(32, '0');
  return traceId === ZERO_TRACE ? undefined : traceId;
}

/** A span id of up to 64 bits, likewise. */
export function spanIdOf(digits: string): string | undefined {
  if (!/^[0-9a-fA-F]{1,16}$/.test(digits)) return undefined;
  const spanId = digits.toLowerCase().padStart(16, '0');
  return spanId === ZERO_SPAN ? undefined : spanId;
}
