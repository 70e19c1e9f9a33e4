import type { DeadLetterStatus } from '@clearway/contracts';
import type { Sql } from '../queue/connections.ts';

interface StateRow {
  readonly status: DeadLetterStatus;
  readonly discarded_at: Date | null;
  readonly discarded_by: string | null;
  readonly replay_id: string | null;
  readonly actor: string | null;
  readonly at: Date | null;
}

/** Why a letter cannot be replayed or discarded, with who was first; undefined when there is no such letter. */
export async function whyNotOpen(sql: Sql, id: string): Promise<string | undefined> {
  const { rows } = await sql.query<StateRow>(STATE, [id]);
  const [row] = rows;
  if (!row) return undefined;
  const { status, discarded_at: discardedAt, discarded_by: discardedBy, actor, at } = row;
  if (discardedAt) return `${discardedBy ?? 'somebody'} discarded it at ${discardedAt.toISOString()}`;
  if (status === 'SUCCEEDED') return `it has succeeded: ${byWhom(actor, at, 'replayed it')}`;
  return `it is being replayed: ${byWhom(actor, at, 'began that')}, replay ${row.replay_id ?? 'unknown'}`;
}

function byWhom(actor: string | null, at: Date | null, verb: string): string {
  return at ? `${actor} ${verb} at ${at.toISOString()}` : `somebody ${verb}`;
}

const STATE = `
  SELECT letter.status, discarded_at, discarded_by, replay.id AS replay_id, replay.actor, replay.created_at AS at
  FROM dead_letter_queue letter
  LEFT JOIN LATERAL (
    SELECT replay_id FROM replay_items item WHERE item.dead_letter_id = letter.id
    ORDER BY item.status IN ('WAITING', 'RELEASED') DESC, item.status = 'SUCCEEDED' DESC LIMIT 1
  ) AS item ON true
  LEFT JOIN replays replay ON replay.id = item.replay_id
  WHERE letter.id = $1`;
