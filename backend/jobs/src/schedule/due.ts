import { CronExpressionParser } from 'cron-parser';
import type { ScheduleSettings } from '../definition/schedule-settings.ts';

type Times = Pick<ScheduleSettings, 'cron' | 'timeZone'>;

/** When a schedule is due next, after the given moment. */
export function nextDue(schedule: Times, after: Date): Date {
  return parse(schedule, after).next().toDate();
}

/** When a schedule was last due, at or before the given moment. */
export function lastDue(schedule: Times, at: Date): Date {
  // the library looks strictly before
  return parse(schedule, new Date(at.getTime() + 1))
    .prev()
    .toDate();
}

function parse({ cron, timeZone }: Times, currentDate: Date): ReturnType<typeof CronExpressionParser.parse> {
  return CronExpressionParser.parse(cron, { tz: timeZone, currentDate });
}
