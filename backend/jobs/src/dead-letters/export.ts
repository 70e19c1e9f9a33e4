import type { ExportedDeadLetter } from '@clearway/contracts';
import type { Sql } from '../queue/connections.ts';
import { conditionOf, type DeadLetterFilter } from './filter.ts';
import { WHOLE, wholeOf, type WholeRow } from './read.ts';

const MOST_ROWS = 500;
/** A letter may hold a megabyte, so pages are measured. */
const MOST_BYTES = 2 * 1024 * 1024;

/**
 * All letters that a filter means, whole, newest first; those that come meanwhile are left out. Reads a page at a time, so
 * that it needs the same memory for ten letters and for a million.
 *
 * @example
 * for await (const letter of exportDeadLetters(connections, { jobId })) file.write(`${JSON.stringify(letter)}\n`);
 */
export async function* exportDeadLetters(sql: Sql, filter: DeadLetterFilter): AsyncGenerator<ExportedDeadLetter> {
  const { rows: start } = await sql.query<{ now: Date }>('SELECT now() AS now');
  let before: readonly [Date | undefined, string] = [start[0]?.now, HIGHEST_ID];
  for (;;) {
    const values: unknown[] = [...before, MOST_ROWS, MOST_BYTES];
    const { rows } = await sql.query<WholeRow>(page(conditionOf(filter, values)), values);
    for (const row of rows) yield wholeOf(row);
    const last = rows.at(-1);
    if (!last) return;
    before = [last.createdAt, last.id];
  }
}

const HIGHEST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** As many rows as the bytes allow, and at least one. */
const page = (condition: string): string => `
  WITH measured AS (
    SELECT id AS measured_id, sum(octet_length(event_data::text) + coalesce(octet_length(edited_data::text), 0)
        + coalesce(octet_length(stack), 0)) OVER sofar AS bytes, row_number() OVER sofar AS number
    FROM (
      SELECT id, created_at, event_data, edited_data, stack FROM dead_letter_queue
      WHERE (created_at, id) < ($1::timestamptz, $2::uuid) AND ${condition}
      ORDER BY created_at DESC, id DESC LIMIT $3
    ) AS next
    WINDOW sofar AS (ORDER BY created_at DESC, id DESC ROWS UNBOUNDED PRECEDING)
  )
  SELECT ${WHOLE} FROM dead_letter_queue JOIN measured ON id = measured_id
  WHERE bytes <= $4 OR number = 1
  ORDER BY created_at DESC, id DESC`;
