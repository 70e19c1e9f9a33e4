import type pg from 'pg';
import { lockWriters, shownArray, type StagedRows } from './stage.ts';

/**
 * Finds out which staged rows of a table without a key are there: as many of equal rows as the table holds, compared whole.
 * Nobody else may write to the table until the end of the transaction, so that none comes twice.
 */
export async function markWholeRows(client: pg.Client, staged: StagedRows): Promise<void> {
  const { table, staging, columns } = staged;
  await lockWriters(client, staged);
  const [backup, live] = [shownArray('r', columns), shownArray('l', columns)];
  await client.query(
    `WITH wanted AS (
       SELECT clearway_place, ${backup} AS whole, row_number() OVER (PARTITION BY ${backup} ORDER BY clearway_place) AS nth
       FROM ${staging} r),
     held AS (
       SELECT ${live} AS whole, count(*) AS times FROM ${table.qualified} l
       WHERE ${live} IN (SELECT whole FROM wanted) GROUP BY 1)
     UPDATE ${staging} s SET clearway_is_there = true FROM wanted JOIN held USING (whole)
     WHERE wanted.nth <= held.times AND s.clearway_place = wanted.clearway_place`,
  );
}
