import type { InvalidParameter } from '@clearway/contracts';
import type { Response } from 'express';
import type { z } from 'zod';
import { sendProblem } from './problems.ts';

/**
 * A value as its schema says, or undefined when it does not fit: then the caller was told all that is wrong with it.
 *
 * @example
 * const query = validated(jobQuerySchema, req.query, res);
 * if (!query) return;
 */
export function validated<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  res: Response,
): z.output<Schema> | undefined {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  refuseParameters(res, invalidParameters(parsed.error));
  return undefined;
}

/** What is wrong with each parameter. */
export function invalidParameters(error: z.ZodError): InvalidParameter[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((name) => ({ name, message: 'is not known' }))
      : [{ name: issue.path.join('.') || 'body', message: issue.message }],
  );
}

/** Tells the caller all that is wrong with the parameters. */
export function refuseParameters(res: Response, invalid: readonly InvalidParameter[]): void {
  const detail = invalid.map(({ name, message }) => `${name}: ${message}`).join('; ');
  sendProblem(res, 'request_invalid', { detail, invalidParameters: invalid });
}
