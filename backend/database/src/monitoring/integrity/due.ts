import { CronExpressionParser } from 'cron-parser';

/**
 * When a schedule is due next, in UTC.
 *
 * @param schedule five fields as in cron
 */
export function nextRun(schedule: string, after: Date): Date {
  return CronExpressionParser.parse(schedule, { tz: 'UTC', currentDate: after }).next().toDate();
}

/** Whether a check has to run: it never did, or its time came since. */
export function isDue(schedule: string, lastRunAt: string | null, now: Date): boolean {
  return lastRunAt === null || nextRun(schedule, new Date(lastRunAt)) <= now;
}
