import type { PgBoss } from 'pg-boss';
import type { Sql } from '../../queue/connections.ts';
import type { EventData } from '../../queue/event.ts';
import { NOTIFY } from '../../queue/notices.ts';
import { asDatabase } from '../../queue/open-queue.ts';

/** The next items of a replay. */
export interface Batch {
  readonly replayId: string;
  /** Position of the last item that was released. */
  readonly after: number;
  readonly count: number;
  readonly retries: number | null;
  /** Facts that the events carry along. */
  readonly origin?: Pick<EventData, 'traceparent' | 'requestId'>;
}

interface TakenLetter {
  readonly id: string;
  readonly job_id: string;
  readonly event_id: string;
  readonly input: EventData['input'];
  readonly is_edited: boolean;
  readonly key: string | null;
  readonly due_at: string | null;
}

/**
 * Enqueues the next letters of a replay: each goes to PROCESSING together with its event, or neither happens. A letter that
 * somebody else has handled meanwhile is skipped. The queue takes the events of one batch in any order.
 *
 * @returns the events
 */
export async function releaseItems(boss: PgBoss, sql: Sql, batch: Batch): Promise<string[]> {
  const { rows } = await sql.query<TakenLetter>(TAKE, [batch.replayId, batch.after, batch.count]);
  for (const [jobId, letters] of Map.groupBy(rows, (row) => row.job_id)) {
    const events = letters.map((letter) => ({
      id: letter.event_id,
      data: dataOf(letter, batch),
      ...(batch.retries !== null && { retryLimit: batch.retries }),
    }));
    await boss.insert(jobId, events, { db: asDatabase(sql) });
    await sql.query(NOTIFY, [jobId]);
  }
  return rows.map((row) => row.event_id);
}

function dataOf(letter: TakenLetter, { origin }: Batch): EventData {
  return {
    ...origin,
    input: letter.input,
    trigger: 'replay',
    deadLetterId: letter.id,
    // the key of what was edited is made where the job is known
    ...(letter.is_edited ? { isEdited: true } : letter.key !== null && { key: letter.key }),
    ...(letter.due_at !== null && { dueAt: letter.due_at }),
  };
}

const TAKE = `
  WITH batch AS (
    SELECT replay_id, position, dead_letter_id FROM replay_items
    WHERE replay_id = $1 AND position > $2 AND status = 'WAITING' ORDER BY position LIMIT $3
  ), taken AS (
    UPDATE dead_letter_queue letter
    SET status = 'PROCESSING', replay_event_id = gen_random_uuid(), processed_at = NULL, updated_at = now()
    FROM batch
    WHERE letter.id = batch.dead_letter_id AND letter.status IN ('PENDING', 'FAILED') AND letter.discarded_at IS NULL
    RETURNING letter.id, letter.job_id, letter.replay_event_id AS event_id, batch.position, letter.key,
      coalesce(letter.edited_data, letter.event_data) AS input, letter.edited_data IS NOT NULL AS is_edited,
      letter.metadata ->> 'dueAt' AS due_at
  ), marked AS (
    UPDATE replay_items item
    SET status = (CASE WHEN taken.id IS NULL THEN 'SKIPPED' ELSE 'RELEASED' END)::replay_item_status,
      event_id = taken.event_id, released_at = now(), ended_at = CASE WHEN taken.id IS NULL THEN now() END
    FROM batch LEFT JOIN taken ON taken.id = batch.dead_letter_id
    WHERE item.replay_id = batch.replay_id AND item.position = batch.position
  )
  SELECT id, job_id, event_id, input, is_edited, key, due_at FROM taken ORDER BY position`;
