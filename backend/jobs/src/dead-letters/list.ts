import type { DeadLetterSummary } from '@clearway/contracts';
import { cursorOf, readCursor } from '../administration/cursor.ts';
import { isoOf } from '../administration/list-jobs.ts';
import type { Sql } from '../queue/connections.ts';
import { conditionOf, textConditionOf, type DeadLetterFilter } from './filter.ts';

/** A summary with the beginning of the error's message. */
export type ListedDeadLetter = DeadLetterSummary & { readonly error: string };

/** Which letters, and how many of them. */
export interface DeadLetterSearch extends DeadLetterFilter {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * A page of dead letters, newest first.
 *
 * @throws {InvalidCursor} when the cursor is not one that a page gave
 */
export async function listDeadLetters(
  sql: Sql,
  { limit, cursor, ...filter }: DeadLetterSearch,
): Promise<{ deadLetters: ListedDeadLetter[]; nextCursor?: string }> {
  const after = cursor === undefined ? undefined : readCursor(cursor, ['time', 'uuid']);
  // a text that many have is found among the newest, whatever the planner knows of it; a rare one by its index
  const recent = filter.text === undefined ? [] : await readPage(sql, filter, after, limit + 1, MOST_RECENT);
  const rows = recent.length > limit ? recent : await readPage(sql, filter, after, limit + 1);
  const deadLetters = rows.slice(0, limit).map(summaryOf);
  const last = deadLetters.at(-1);
  return { deadLetters, ...(rows.length > limit && last && { nextCursor: cursorOf(last.createdAt, last.id) }) };
}

/** Letters that are looked at one by one. */
const MOST_RECENT = 2000;

/** @param among looks only at so many of the next letters */
async function readPage(
  sql: Sql,
  { text, ...filter }: DeadLetterFilter,
  after: readonly (string | number)[] | undefined,
  count: number,
  among?: number,
): Promise<SummaryRow[]> {
  const values: unknown[] = [count];
  let condition = conditionOf(filter, values);
  if (after)
    condition += ` AND (created_at, id) < ($${values.push(after[0])}::timestamptz, $${values.push(after[1])}::uuid)`;
  const hasText = text === undefined ? 'true' : textConditionOf(text, values);
  const from =
    among === undefined
      ? `dead_letter_queue WHERE ${condition} AND ${hasText}`
      : `(SELECT * FROM dead_letter_queue WHERE ${condition} ORDER BY created_at DESC, id DESC LIMIT ${among}) AS next
         WHERE ${hasText}`;
  const { rows } = await sql.query<SummaryRow>(
    `SELECT ${SUMMARY}, left(error, 500) AS error FROM ${from} ORDER BY created_at DESC, id DESC LIMIT $1`,
    values,
  );
  return rows;
}

/** Times that a row has as dates and a summary as text. */
type Times = 'discardedAt' | 'enqueuedAt' | 'lastAttemptAt' | 'processedAt' | 'createdAt';

/** A summary as the database has it. */
export type SummaryRow = Omit<ListedDeadLetter, Times> & { readonly createdAt: Date } & {
  readonly [time in Exclude<Times, 'createdAt'>]: Date | null;
};

/** A row with its times as text. */
export function summaryOf<Row extends SummaryRow>(row: Row): Omit<Row, Times> & ListedDeadLetter {
  return {
    ...row,
    discardedAt: isoOf(row.discardedAt),
    enqueuedAt: isoOf(row.enqueuedAt),
    lastAttemptAt: isoOf(row.lastAttemptAt),
    processedAt: isoOf(row.processedAt),
    createdAt: row.createdAt.toISOString(),
  };
}

/** The columns of a summary, without the error's message. */
export const SUMMARY = `id, job_id AS "jobId", status, discarded_at AS "discardedAt", signature, error_name AS "errorName",
  attempts, event_id AS "eventId", trace_id AS "traceId", request_id AS "requestId", enqueued_at AS "enqueuedAt",
  last_attempt_at AS "lastAttemptAt", processed_at AS "processedAt", created_at AS "createdAt"`;
