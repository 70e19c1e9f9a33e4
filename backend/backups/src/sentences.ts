const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;

/** A time as people say it: `3 minutes`, `27 hours`, `3 days`. */
export function spanText(seconds: number): string {
  if (seconds < 2 * MINUTE_SECONDS) return counted(Math.round(seconds), 'second');
  if (seconds < 2 * HOUR_SECONDS) return counted(Math.round(seconds / MINUTE_SECONDS), 'minute');
  if (seconds < 3 * DAY_SECONDS) return counted(Math.round(seconds / HOUR_SECONDS), 'hour');
  return counted(Math.round(seconds / DAY_SECONDS), 'day');
}

/** `1 backup`, `2 backups`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** A size as people say it: `12.3 MB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${value < 100 && power > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}
