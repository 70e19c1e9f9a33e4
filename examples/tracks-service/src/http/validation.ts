import { z } from 'zod';
import { invalid, notFound } from './problem.ts';

/**
 * Checks a part of a request.
 *
 * @param where prefix of the faults' paths; none for the body
 * @throws Problem 400 with every fault
 */
export function check<T extends z.ZodType>(schema: T, value: unknown, where = ''): z.output<T> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(
    parsed.error.issues.map(({ path, message }) => ({
      path: [where, ...path].filter((part) => part !== '').join('.'),
      message,
    })),
  );
}

/** The id of a thing in a path; what is not an id cannot be found. */
export function idOf(value: unknown, what: string): string {
  const parsed = z.uuid().safeParse(value);
  if (!parsed.success) throw notFound(what);
  return parsed.data;
}

/** A text that people read: trimmed, not empty, without control characters. */
export const readableText = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .regex(/^[^\p{Cc}]*$/u, 'control characters are not allowed');
