import type { DeadLetterStatus } from '@clearway/contracts';
import type { Sql } from '../../src/index.ts';

/** A dead letter to put into the table; what is left out does not matter. */
export interface Letter {
  readonly jobId: string;
  readonly event?: unknown;
  readonly error?: string;
  readonly signature?: string;
  readonly status?: DeadLetterStatus;
  readonly key?: string;
  readonly ageDays?: number;
  readonly discardedDaysAgo?: number;
  readonly stack?: string;
}

/** Writes dead letters as if their events had failed; the first is the oldest unless an age says otherwise. */
export async function addLetters(sql: Sql, letters: readonly Letter[]): Promise<string[]> {
  const ids: string[] = [];
  for (const [i, letter] of letters.entries()) {
    const { jobId, event = {}, error = 'it broke', signature = 'aaaa', status = 'PENDING', key, stack } = letter;
    const { rows } = await sql.query<{ id: string }>(
      `INSERT INTO dead_letter_queue (job_id, event_id, event_data, error, error_name, stack, signature, status, attempts, key,
         created_at, last_attempt_at, processed_at, discarded_at, discarded_by, metadata)
       VALUES ($1, gen_random_uuid(), $2, $3, 'Error', $4, $5, $6::text::dead_letter_status, 3, $7,
         now() - $8 * interval '1 day' + $9 * interval '1 millisecond', now() - $8 * interval '1 day',
         CASE WHEN $6::text IN ('SUCCEEDED', 'FAILED') THEN now() - $8 * interval '1 day' END,
         now() - $10 * interval '1 day', CASE WHEN $10::float8 IS NOT NULL THEN 'somebody' END, '{"trigger":"enqueue"}')
       RETURNING id`,
      [
        ...[jobId, JSON.stringify(event), error, stack ?? null, signature, status, key ?? null],
        ...[letter.ageDays ?? 0, i - letters.length, letter.discardedDaysAgo ?? null],
      ],
    );
    ids.push(rows[0]?.id ?? '');
  }
  return ids;
}

/** The groups as they are kept, and as a look at every letter finds them: both must be the same. */
export async function wrongGroups(sql: Sql): Promise<unknown[]> {
  const { rows } = await sql.query(`
    SELECT * FROM (
      SELECT signature, pending, processing, succeeded, failed, discarded FROM dead_letter_groups
    ) AS kept FULL JOIN (
      SELECT signature, count(*) FILTER (WHERE discarded_at IS NULL AND status = 'PENDING')::int AS pending,
        count(*) FILTER (WHERE discarded_at IS NULL AND status = 'PROCESSING')::int AS processing,
        count(*) FILTER (WHERE discarded_at IS NULL AND status = 'SUCCEEDED')::int AS succeeded,
        count(*) FILTER (WHERE discarded_at IS NULL AND status = 'FAILED')::int AS failed,
        count(*) FILTER (WHERE discarded_at IS NOT NULL)::int AS discarded
      FROM dead_letter_queue GROUP BY signature
    ) AS counted USING (signature, pending, processing, succeeded, failed, discarded)
    WHERE kept IS NULL OR counted IS NULL`);
  return rows;
}
