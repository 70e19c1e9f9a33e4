import type { DeadLetterSelection } from '@clearway/contracts';
import { audit, type Change } from '../administration/audit.ts';
import { NotPossible } from '../administration/not-possible.ts';
import type { Connections, Sql } from '../queue/connections.ts';
import { conditionOf, IS_OPEN, type DeadLetterFilter } from './filter.ts';
import { whyNotOpen } from './why-not-open.ts';

/** A letter stands in many indexes: a transaction of more would take seconds. */
const BATCH = 5000;

/**
 * Gives up a dead letter. It stays readable until its time is over, and is left out of lists and groups.
 *
 * @returns false when there is no such letter
 * @throws {NotPossible} when it is replayed, has succeeded, or was discarded before; the message says by whom
 */
export async function discardDeadLetter({ connections }: Store, id: string, change: Change): Promise<boolean> {
  return connections.transaction(async (sql) => {
    const count = await discard(sql, { ids: [id] }, change);
    if (count === 0) {
      const why = await whyNotOpen(sql, id);
      if (why !== undefined) throw new NotPossible('too late', why);
      return false;
    }
    await audit(sql, change, 'dead-letter.discard', `dead-letter:${id}`);
    return true;
  });
}

/**
 * Gives up all letters that are meant and that nobody replays at the moment, some thousands in a transaction, each with its
 * entry in the audit. Letters that come meanwhile are left out.
 *
 * @returns how many
 */
export async function discardDeadLetters(
  { connections }: Store,
  selection: DeadLetterSelection,
  change: Change,
): Promise<number> {
  const { rows } = await connections.query<{ now: Date }>("SELECT now() + interval '1 millisecond' AS now");
  const until = selection.until ?? rows[0]?.now.toISOString();
  let discarded = 0;
  for (let count = BATCH; count === BATCH; discarded += count) {
    count = await connections.transaction(async (sql) => {
      const done = await discard(sql, { ...selection, until }, change);
      if (done > 0) await audit(sql, change, 'dead-letter.discard', 'dead-letters', { selection, count: done });
      return done;
    });
  }
  return discarded;
}

interface Store {
  readonly connections: Connections;
}

async function discard(sql: Sql, meant: DeadLetterFilter, { actor, reason }: Change): Promise<number> {
  const values: unknown[] = [actor, reason, BATCH];
  // locked in one order, whoever else does the same
  const { rowCount } = await sql.query(
    `WITH meant AS (
       SELECT id FROM dead_letter_queue WHERE ${conditionOf(meant, values)} AND ${IS_OPEN}
       ORDER BY created_at, id LIMIT $3 FOR UPDATE
     )
     UPDATE dead_letter_queue letter SET discarded_at = now(), discarded_by = $1, discard_reason = $2, updated_at = now()
     FROM meant WHERE letter.id = meant.id`,
    values,
  );
  return rowCount ?? 0;
}
