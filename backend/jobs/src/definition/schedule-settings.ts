import { Cron } from 'croner';
import { z } from 'zod';

/** When a job runs without being asked. */
export const schedule = z
  .strictObject({
    /** Five fields (minute, hour, day of month, month, day of week), or a name such as `@daily`. */
    cron: z.string().min(1).max(200),
    /** The clock that the expression is read by. */
    timeZone: z.string().default('UTC').refine(isTimeZone, 'is no time zone of the IANA database'),
    /** How late a run may begin before it is called missed, in seconds. */
    graceSeconds: z
      .int()
      .min(1)
      .max(7 * 24 * 3600)
      .default(600),
    /** What becomes of runs that were due while no worker was there: the latest one, or none. */
    catchUp: z.enum(['latest', 'none']).default('latest'),
    /** The input of the runs. */
    input: z.json().default({}),
  })
  .superRefine(({ cron }, context) => {
    const problem = cronProblem(cron);
    if (problem) context.addIssue({ code: 'custom', path: ['cron'], message: problem });
  });

/** As an author writes it. */
export type ScheduleInput = z.input<typeof schedule>;

/** With all defaults. */
export type ScheduleSettings = z.output<typeof schedule>;

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function cronProblem(cron: string): string | undefined {
  if (!cron.startsWith('@') && cron.trim().split(/\s+/).length !== 5) {
    return 'needs five fields: minute, hour, day of month, month, day of week';
  }
  try {
    return new Cron(cron, { timezone: 'UTC', paused: true, mode: '5-part' }).nextRun() ? undefined : 'is never due';
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, '');
  }
}
