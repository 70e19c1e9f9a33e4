import type { JobEvent } from '@clearway/contracts';
import type { Sql } from '../queue/connections.ts';
import { QUEUE_SCHEMA } from '../queue/open-queue.ts';
import { cursorOf, readCursor } from './cursor.ts';

interface EventRow extends Omit<JobEvent, 'enqueuedAt' | 'startAfter'> {
  readonly enqueuedAt: Date;
  readonly startAfter: Date;
  /** To the microsecond, which the order needs. */
  readonly exactly: string;
}

/**
 * A page of the events that wait, in the order in which they are taken: by priority, then by age. The order is that of
 * the index that the queue takes events by, so a page costs the same at the end of a million events as at the start.
 *
 * @throws {InvalidCursor} when the cursor is not one that a page gave
 */
export async function listEvents(
  sql: Sql,
  jobId: string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<{ events: JobEvent[]; nextCursor?: string }> {
  const rows = await readPage(sql, jobId, limit + 1, cursor);
  const events = rows.slice(0, limit).map(({ exactly: _exactly, ...row }) => ({
    ...row,
    enqueuedAt: row.enqueuedAt.toISOString(),
    startAfter: row.startAfter.toISOString(),
  }));
  const last = rows[limit - 1];
  if (rows.length <= limit || !last) return { events };
  return { events, nextCursor: cursorOf(last.priority, last.exactly, last.eventId) };
}

async function readPage(sql: Sql, jobId: string, count: number, cursor: string | undefined): Promise<EventRow[]> {
  if (cursor === undefined) return (await sql.query<EventRow>(page(''), [jobId, count])).rows;
  const [priority, createdOn, id] = readCursor(cursor, ['integer', 'time', 'uuid']);
  const values = [jobId, count, priority, createdOn, id];
  const { rows } = await sql.query<EventRow>(page(SAME_PRIORITY), values);
  if (rows.length === count) return rows;
  const lower = await sql.query<EventRow>(page('AND priority < $3'), [jobId, count - rows.length, priority]);
  return [...rows, ...lower.rows];
}

// the first condition on the time is one that the index can begin at
const SAME_PRIORITY =
  'AND priority = $3 AND created_on >= $4::timestamptz AND (created_on, id) > ($4::timestamptz, $5::uuid)';

const page = (condition: string): string => `
  SELECT id AS "eventId", state, priority, created_on AS "enqueuedAt", start_after AS "startAfter",
    CASE WHEN started_on IS NULL THEN 0 ELSE retry_count + 1 END AS attempts, data ->> 'trigger' AS trigger,
    data ->> 'key' AS key, to_char(created_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS exactly
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND state < 'active' AND NOT blocked ${condition}
  ORDER BY priority DESC, created_on, id LIMIT $2`;
