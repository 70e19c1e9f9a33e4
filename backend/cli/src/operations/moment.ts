import { InvalidArgumentError } from 'commander';

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A moment as ISO 8601, from such a text or from an age.
 *
 * @throws {InvalidArgumentError} when the text is neither
 * @example
 * momentOf('2h', Date.now());
 */
export function momentOf(text: string, nowMs: number): string {
  const age = /^(\d{1,6})([smhd])$/.exec(text);
  if (age) return new Date(nowMs - Number(age[1]) * (UNITS_MS[age[2] ?? ''] ?? 0)).toISOString();
  const ms = Date.parse(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(ms)) return new Date(ms).toISOString();
  throw new InvalidArgumentError('Write it as 2026-11-22T08:00:00Z, or as an age such as 30m, 2h or 7d.');
}
