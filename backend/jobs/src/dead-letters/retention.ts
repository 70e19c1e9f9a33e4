import type { Connections } from '../queue/connections.ts';

const BATCH = 1000;

/**
 * Deletes letters that are over and older than they are kept: those that succeeded, those whose replay failed, and those
 * that were discarded. Letters that wait for somebody, or are replayed, are never deleted, however old they are. The key
 * of a deleted letter is free for a new event.
 *
 * @param days since the last replay ended or the letter was discarded
 * @param onDeleted hears after each step how many are gone with it
 */
export async function pruneDeadLetters(
  connections: Connections,
  days: number,
  signal: AbortSignal,
  onDeleted: (count: number) => void,
): Promise<void> {
  for (let deleted = BATCH; deleted === BATCH;) {
    signal.throwIfAborted();
    const { rows } = await connections.query<{ count: number }>(DELETE_LETTERS, [days, BATCH]);
    onDeleted((deleted = rows[0]?.count ?? 0));
  }
  for (let deleted = BATCH; deleted === BATCH;) {
    signal.throwIfAborted();
    onDeleted((deleted = (await connections.query(DELETE_REPLAYS, [days, BATCH])).rowCount ?? 0));
  }
}

const DELETE_LETTERS = `
  WITH old AS (
    SELECT id FROM dead_letter_queue
    WHERE status <> 'PROCESSING' AND (discarded_at IS NOT NULL OR status IN ('SUCCEEDED', 'FAILED'))
      AND coalesce(discarded_at, processed_at, updated_at) < now() - $1 * interval '1 day'
      AND NOT EXISTS (SELECT 1 FROM replay_items item
        WHERE item.dead_letter_id = dead_letter_queue.id AND item.status IN ('WAITING', 'RELEASED'))
    LIMIT $2 FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM dead_letter_queue USING old WHERE dead_letter_queue.id = old.id RETURNING job_id, key, event_id
  ), freed AS (
    DELETE FROM job_ledger ledger USING gone
    WHERE ledger.job_id = gone.job_id AND ledger.key = gone.key AND ledger.event_id = gone.event_id AND succeeded_at IS NULL
  ), told AS (
    INSERT INTO audit_log (actor, action, subject, reason, details)
    SELECT 'worker', 'dead-letter.expire', 'dead-letters', 'kept for ' || $1 || ' days', jsonb_build_object('count', count(*))
    FROM gone HAVING count(*) > 0
  )
  SELECT count(*)::int AS count FROM gone`;

const DELETE_REPLAYS = `DELETE FROM replays WHERE id IN (
  SELECT id FROM replays WHERE ended_at < now() - $1 * interval '1 day' LIMIT $2)`;
