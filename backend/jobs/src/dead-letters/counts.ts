import type { Sql } from '../queue/connections.ts';

/** How many dead letters a job has. */
export interface DeadLetterCounts {
  readonly jobId: string;
  readonly pending: number;
  readonly processing: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly discarded: number;
  /** Since when the oldest has been waiting; null when none is. */
  readonly oldestPendingAt: Date | null;
}

/** The dead letters of each job that has any, by status. */
export async function countDeadLetters(sql: Sql): Promise<DeadLetterCounts[]> {
  return (await sql.query<DeadLetterCounts>(COUNT)).rows;
}

const COUNT = `
  WITH job AS (
    SELECT job_id, sum(pending)::int AS pending, sum(processing)::int AS processing, sum(succeeded)::int AS succeeded,
      sum(failed)::int AS failed, sum(discarded)::int AS discarded
    FROM dead_letter_groups GROUP BY job_id
  )
  SELECT job_id AS "jobId", pending, processing, succeeded, failed, discarded, oldest.created_at AS "oldestPendingAt"
  FROM job LEFT JOIN LATERAL (
    SELECT created_at FROM dead_letter_queue letter
    WHERE pending > 0 AND letter.job_id = job.job_id AND status = 'PENDING' AND discarded_at IS NULL
    ORDER BY created_at, id LIMIT 1
  ) AS oldest ON true
  ORDER BY job_id`;
