import { z } from 'zod';

/** Smallest and largest value of each field of a cron expression, and the names that stand for values. */
const FIELDS = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of the month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { name: 'day of the week', min: 0, max: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
] as const;

/** A time table as cron writes it, in UTC: five fields, minute to day of the week. */
export const scheduleSchema = z.string().superRefine(checkSchedule);

/** A time table as cron writes it, or `never`. */
export const scheduleOrNeverSchema = z.string().superRefine((text, context) => {
  if (text !== 'never') checkSchedule(text, context);
});

function checkSchedule(text: string, context: z.RefinementCtx): void {
  const problem = scheduleProblem(text);
  if (problem === undefined) return;
  const params = { remedy: "write five fields, minute to day of the week: '*/15 * * * *', '0 3 * * *'" };
  context.addIssue({ code: 'custom', message: problem, params });
}

function scheduleProblem(text: string): string | undefined {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) return `has ${parts.length} fields, not ${FIELDS.length}`;
  const wrong = FIELDS.find((field, i) => !(parts[i] ?? '').split(',').every((part) => isPart(part, field)));
  return wrong && `'${parts[FIELDS.indexOf(wrong)]}' is no ${wrong.name}`;
}

function isPart(part: string, field: (typeof FIELDS)[number]): boolean {
  const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
  if (!match) return false;
  const [, first, last, step] = match;
  if (step !== undefined && !(Number(step) >= 1 && Number(step) <= field.max)) return false;
  if (first === undefined) return true;
  const from = valueOf(first, field);
  const to = last === undefined ? from : valueOf(last, field);
  return from !== undefined && to !== undefined && from <= to;
}

function valueOf(text: string, { min, max, names }: (typeof FIELDS)[number]): number | undefined {
  const named = (names as readonly string[]).indexOf(text.toLowerCase());
  const value = named >= 0 ? named + min : /^\d{1,2}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
