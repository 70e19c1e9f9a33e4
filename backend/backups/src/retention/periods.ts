/** A stretch of the calendar, in UTC. */
export type Period = 'day' | 'week' | 'month' | 'year';

const DAY_MS = 86_400_000;

/**
 * Names the period that a moment is in, such as `2026-11-22`, `2026-W47`, `2026-11` or `2026`.
 */
export function periodOf(atMs: number, period: Period): string {
  const text = new Date(atMs).toISOString();
  if (period === 'day') return text.slice(0, 10);
  if (period === 'month') return text.slice(0, 7);
  return period === 'year' ? text.slice(0, 4) : weekOf(atMs);
}

/** A week belongs to the year that its Thursday is in (ISO 8601). */
function weekOf(atMs: number): string {
  const weekday = (new Date(atMs).getUTCDay() + 6) % 7;
  const thursday = new Date(atMs + (3 - weekday) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
