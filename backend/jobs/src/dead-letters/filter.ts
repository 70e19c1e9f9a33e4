import type { DeadLetterStatus } from '@clearway/contracts';

/** Which dead letters; all conditions must hold. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[] | undefined;
  readonly jobId?: string | undefined;
  readonly status?: DeadLetterStatus | undefined;
  readonly signature?: string | undefined;
  /** Dead since this moment or later, ISO 8601. */
  readonly since?: string | undefined;
  /** Dead before this moment, ISO 8601. */
  readonly until?: string | undefined;
  /** A part of the error's message, in any case of letters. */
  readonly text?: string | undefined;
  /** Whether those that were discarded are meant; not by default. */
  readonly discarded?: 'exclude' | 'include' | 'only' | undefined;
}

const DISCARDED = { exclude: 'discarded_at IS NULL', only: 'discarded_at IS NOT NULL', include: 'true' } as const;

/**
 * A filter as a condition in SQL on `dead_letter_queue`.
 *
 * @param values of the statement so far; those of the filter are added
 * @example
 * const values: unknown[] = [];
 * const { rows } = await sql.query(`SELECT id FROM dead_letter_queue WHERE ${conditionOf({ jobId }, values)}`, values);
 */
export function conditionOf(filter: DeadLetterFilter, values: unknown[]): string {
  const add = (value: unknown): string => `$${values.push(value)}`;
  const parts: string[] = [DISCARDED[filter.discarded ?? 'exclude']];
  if (filter.ids !== undefined) parts.push(`id = ANY (${add(filter.ids)}::uuid[])`);
  if (filter.jobId !== undefined) parts.push(`job_id = ${add(filter.jobId)}`);
  if (filter.status !== undefined) parts.push(`status = ${add(filter.status)}::dead_letter_status`);
  if (filter.signature !== undefined) parts.push(`signature = ${add(filter.signature)}`);
  if (filter.since !== undefined) parts.push(`created_at >= ${add(filter.since)}::timestamptz`);
  if (filter.until !== undefined) parts.push(`created_at < ${add(filter.until)}::timestamptz`);
  if (filter.text !== undefined) parts.push(textConditionOf(filter.text, values));
  return parts.join(' AND ');
}

/** A part of the error's message, as a condition that its index can answer. */
export function textConditionOf(text: string, values: unknown[]): string {
  return `lower(error) LIKE lower($${values.push(`%${escapeLike(text)}%`)})`;
}

function escapeLike(text: string): string {
  return text
    .replaceAll(/[\\%_]/g, '\\$&')
    .replaceAll('\u0000', '')
    .toWellFormed();
}

/** Holds for letters that can be replayed or discarded: nobody has done either, and no replay is about to. */
export const IS_OPEN = `status IN ('PENDING', 'FAILED') AND discarded_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM replay_items item WHERE item.dead_letter_id = dead_letter_queue.id AND item.status IN ('WAITING', 'RELEASED'))`;
