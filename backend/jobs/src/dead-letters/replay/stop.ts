import type { Replay } from '@clearway/contracts';
import { audit, type Change } from '../../administration/audit.ts';
import { NotPossible } from '../../administration/not-possible.ts';
import type { Connections, Sql } from '../../queue/connections.ts';
import { QUEUE_SCHEMA } from '../../queue/open-queue.ts';
import { replaysWithdrawn } from '../replayed.ts';

/** Why a replay releases no more. */
export type Stop = NonNullable<Replay['stop']>;

/**
 * Releases no more of a replay: what waits stays with its letters, what lies in the queue and has not begun is taken out
 * of it, what runs runs on. The replay ends with the last of these.
 */
export async function stopReplay(sql: Sql, replayId: string, stop: Stop): Promise<void> {
  await sql.query('UPDATE replays SET stop = $2 WHERE id = $1', [replayId, JSON.stringify(stop)]);
  await sql.query(
    "UPDATE replay_items SET status = 'WITHDRAWN', ended_at = now() WHERE replay_id = $1 AND status = 'WAITING'",
    [replayId],
  );
  const { rows } = await sql.query<{ id: string }>(TAKE_BACK, [replayId]);
  if (rows.length > 0) {
    await replaysWithdrawn(
      sql,
      rows.map((row) => row.id),
    );
  }
}

/** Only what no worker has taken: whoever takes an event holds its row. */
const TAKE_BACK = `
  UPDATE ${QUEUE_SCHEMA}.job job SET state = 'cancelled', completed_on = now()
  FROM replay_items item JOIN dead_letter_queue letter ON letter.id = item.dead_letter_id
  WHERE item.replay_id = $1 AND item.status = 'RELEASED' AND job.name = letter.job_id AND job.id = item.event_id
    AND job.state = 'created'
  RETURNING job.id`;

/**
 * Ends a replay by hand.
 *
 * @returns false when there is no such replay
 * @throws {NotPossible} when it has ended, or ends already
 */
export async function cancelReplay(connections: Connections, replayId: string, change: Change): Promise<boolean> {
  return connections.transaction(async (sql) => {
    const { rows } = await sql.query<{ status: string; stop: Stop | null }>(
      'SELECT status, stop FROM replays WHERE id = $1 FOR UPDATE',
      [replayId],
    );
    const [replay] = rows;
    if (!replay) return false;
    if (replay.status !== 'RUNNING') throw new NotPossible('too late', `the replay has ended: ${replay.status}`);
    if (replay.stop) throw new NotPossible('too late', `the replay is ending: ${replay.stop.message}`);
    const { actor, reason } = change;
    await stopReplay(sql, replayId, {
      kind: 'cancelled',
      message: `${actor} cancelled it: ${reason}`,
      by: actor,
      reason,
    });
    await audit(sql, change, 'replay.cancel', `replay:${replayId}`);
    return true;
  });
}
