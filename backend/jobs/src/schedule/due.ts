import { Cron } from 'croner';
import type { ScheduleSettings } from '../definition/schedule-settings.ts';

export type DueTimes = Pick<ScheduleSettings, 'cron' | 'timeZone'>;

/**
 * When a schedule is due next, after the given moment. On the nights of clock changes a time that does not exist is due
 * when the clock goes on, and one that exists twice is due once; what repeats within the day (every 15 minutes, every hour)
 * goes by the time that really passes.
 *
 * @throws {Error} when it is never due again
 */
export function nextDue(schedule: DueTimes, after: Date): Date {
  const next = parse(schedule).nextRun(after);
  if (!next) throw new Error(`the schedule ${schedule.cron} is never due after ${after.toISOString()}`);
  return next;
}

/**
 * When a schedule was last due, at or before the given moment.
 *
 * @throws {Error} when it never was
 */
export function lastDue(schedule: DueTimes, at: Date): Date {
  const [last] = lastDues(schedule, at, 1);
  if (!last) throw new Error(`the schedule ${schedule.cron} was never due before ${at.toISOString()}`);
  return last;
}

/** The last times at which a schedule was due, at or before the given moment, newest first. */
export function lastDues(schedule: DueTimes, at: Date, count: number): Date[] {
  // the library looks strictly before
  return parse(schedule).previousRuns(count, new Date(at.getTime() + 1));
}

const MOST_REMEMBERED = 500;
const parsed = new Map<string, Cron>();

/** Reading an expression costs more than asking it. */
function parse({ cron, timeZone }: DueTimes): Cron {
  const key = `${timeZone} ${cron}`;
  let known = parsed.get(key);
  if (!known) {
    if (parsed.size >= MOST_REMEMBERED) parsed.clear();
    known = new Cron(cron, { timezone: timeZone, paused: true, mode: '5-part' });
    parsed.set(key, known);
  }
  return known;
}
