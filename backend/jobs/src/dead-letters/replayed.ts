import type { Sql } from '../queue/connections.ts';
import type { KeptError } from '../runs/kept-error.ts';

/**
 * What becomes of a dead letter when the event that replays it is over. Each changes the letter and its place in the
 * replay in one statement, within the transaction that ends the event: a letter is PROCESSING as long as its event is in
 * the queue, and no longer.
 *
 *   PENDING ──┐                   ┌── SUCCEEDED   its work is done, by this event or by another with its key
 *             ├──► PROCESSING ────┼── FAILED      its last try failed
 *   FAILED ───┘                   └── as before   it was cancelled, or taken out of the queue
 */

/** The work is done. */
export async function replaySucceeded(sql: Sql, eventId: string): Promise<void> {
  await sql.query(SUCCEEDED, [eventId]);
}

const SUCCEEDED = `
  WITH item AS (
    UPDATE replay_items SET status = 'SUCCEEDED', ended_at = now() WHERE event_id = $1 AND status = 'RELEASED'
  )
  UPDATE dead_letter_queue SET status = 'SUCCEEDED', processed_at = now(), updated_at = now()
  WHERE replay_event_id = $1 AND status = 'PROCESSING'`;

/** How a replay failed. */
export interface ReplayFailure {
  readonly eventId: string;
  readonly attempts: number;
  readonly error: KeptError;
  /** The stack as it is kept of dead letters. */
  readonly stack: string | null;
  readonly signature: string;
  readonly traceId: string | null;
}

/**
 * The last try failed: the letter tells of it from now on.
 *
 * @returns false when no letter is replayed by the event
 */
export async function replayFailed(sql: Sql, failure: ReplayFailure): Promise<boolean> {
  const { eventId, attempts, error, stack, signature, traceId } = failure;
  const causes = error.causes ? JSON.stringify(error.causes) : null;
  const values = [eventId, attempts, error.message, error.name, stack, signature, traceId, causes];
  return (await sql.query(FAILED, values)).rowCount === 1;
}

const FAILED = `
  WITH item AS (
    UPDATE replay_items SET status = 'FAILED', ended_at = now() WHERE event_id = $1 AND status = 'RELEASED'
  )
  UPDATE dead_letter_queue SET status = 'FAILED', attempts = attempts + $2, error = $3, error_name = $4, stack = $5,
    signature = $6, trace_id = coalesce($7, trace_id), last_attempt_at = now(), processed_at = now(), updated_at = now(),
    metadata = coalesce(metadata, '{}') - 'causes' || CASE WHEN $8::jsonb IS NULL THEN '{}' ELSE jsonb_build_object('causes', $8::jsonb) END
  WHERE replay_event_id = $1 AND status = 'PROCESSING'`;

/**
 * Nothing came of replays whose events were cancelled or have vanished: their letters wait as before.
 *
 * @returns how many letters that were
 */
export async function replaysWithdrawn(sql: Sql, eventIds: readonly string[]): Promise<number> {
  const { rowCount } = await sql.query(WITHDRAWN, [eventIds]);
  return rowCount ?? 0;
}

const WITHDRAWN = `
  WITH item AS (
    UPDATE replay_items SET status = 'WITHDRAWN', ended_at = now()
    WHERE event_id = ANY ($1::uuid[]) AND status = 'RELEASED' RETURNING event_id, was_status
  )
  UPDATE dead_letter_queue letter SET status = item.was_status, updated_at = now()
  FROM item WHERE letter.replay_event_id = item.event_id AND letter.status = 'PROCESSING'`;
