import type { DatabaseThresholds } from '@clearway/contracts';
import type { Limits } from './level.ts';

/** A number for people: 1234567 becomes 1 234 567. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(?:\d{3})+$)/g, ' ');
}

/** Seconds for people: `45 s`, `12 min`, `3.5 h`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds * 10) / 10} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 360) / 10} h`;
}

/** Bytes for people: `12.3 MiB`. */
export function bytes(value: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = value < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${Math.round((value / 1024 ** power) * 10) / 10} ${units[power]}`;
}

/** One of several, or the number of them. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** The limits of a threshold, whatever its unit. */
export function limitsOf(threshold: DatabaseThresholds[keyof DatabaseThresholds]): Limits {
  const values = Object.entries(threshold);
  const of = (start: string): number => values.find(([name]) => name.startsWith(start))?.[1] ?? Infinity;
  return { warning: of('warning'), critical: of('critical'), forSeconds: threshold.forSeconds };
}
