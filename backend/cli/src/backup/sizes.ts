import { UsageError } from '../exit-codes.ts';
import { count } from '../terminal/style.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A number of bytes for people, such as `12.4 MiB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

/** How much a backup holds, such as `1 table, 12 rows`. */
export const contentText = ({
  tables,
  rows,
}: {
  readonly tables: number | null;
  readonly rows: number | null;
}): string => `${count(tables ?? 0, 'table')}, ${count(rows ?? 0, 'row')}`;

/** A number of seconds for people, such as `2 min 5 s`. */
export function durationText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long ago something was, such as `3 h ago`. */
export function ageText(at: string, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - Date.parse(at)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/**
 * Seconds of a duration that somebody wrote, such as `30m`.
 *
 * @throws UsageError when it is none
 */
export function secondsOf(text: string): number {
  const match = /^(\d{1,6})([smh])$/.exec(text);
  if (!match) throw new UsageError(`${text} is not a duration: write it like 90s, 30m or 2h`);
  return Number(match[1]) * (SECONDS[match[2] ?? ''] ?? 1);
}
