import type { Sql } from '../../queue/connections.ts';
import { DEAD_LETTER_QUEUE, QUEUE_SCHEMA } from '../../queue/open-queue.ts';
import { replaysWithdrawn } from '../replayed.ts';

/**
 * Lets letters wait again whose event has vanished from the queue while they were PROCESSING: it was deleted or cancelled
 * there by somebody else, or its whole queue was. All that happens through Clearway ends letter and event together, so this
 * finds nothing then.
 *
 * @returns how many letters that were
 */
export async function restoreVanished(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ id: string }>(VANISHED, [DEAD_LETTER_QUEUE]);
  if (rows.length === 0) return 0;
  return replaysWithdrawn(
    sql,
    rows.map((row) => row.id),
  );
}

/** A failed event is on its way to its letter as long as the queue of dead letters has it. */
const VANISHED = `
  SELECT letter.replay_event_id AS id
  FROM dead_letter_queue letter LEFT JOIN ${QUEUE_SCHEMA}.job job ON job.name = letter.job_id AND job.id = letter.replay_event_id
  WHERE letter.status = 'PROCESSING' AND letter.replay_event_id IS NOT NULL
    AND (job.id IS NULL OR job.state IN ('completed', 'cancelled', 'failed'))
    AND NOT EXISTS (
      SELECT 1 FROM ${QUEUE_SCHEMA}.job dead
      WHERE dead.name = $1 AND dead.source_id = letter.replay_event_id AND dead.state < 'completed'
    )
  LIMIT 1000`;
