import type { Replay } from '@clearway/contracts';
import { cursorOf, readCursor } from '../../administration/cursor.ts';
import { isoOf } from '../../administration/list-jobs.ts';
import type { Sql } from '../../queue/connections.ts';
import type { ItemCounts } from './running-replay.ts';

const STAGES = ['one', 'few', 'rest'] as const;

/** Which replays, and how many of them. */
export interface ReplaySearch {
  readonly status?: Replay['status'] | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * A page of replays, newest first.
 *
 * @throws {InvalidCursor} when the cursor is not one that a page gave
 */
export async function listReplays(
  sql: Sql,
  { status, limit, cursor }: ReplaySearch,
): Promise<{ replays: Replay[]; nextCursor?: string }> {
  const [createdAt, id] = cursor === undefined ? [null, null] : readCursor(cursor, ['time', 'uuid']);
  const { rows } = await sql.query<ReplayRow>(
    `${REPLAYS}
     WHERE ($1::text IS NULL OR replays.status::text = $1) AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [status ?? null, createdAt, id, limit + 1],
  );
  const replays = rows.slice(0, limit).map(replayOf);
  const last = replays.at(-1);
  return { replays, ...(rows.length > limit && last && { nextCursor: cursorOf(last.createdAt, last.replayId) }) };
}

/** One replay with how far it is; undefined when there is none. */
export async function readReplay(sql: Sql, id: string): Promise<Replay | undefined> {
  const { rows } = await sql.query<ReplayRow>(`${REPLAYS} WHERE id = $1`, [id]);
  return rows[0] && replayOf(rows[0]);
}

interface ReplayRow extends Omit<Replay, 'counts' | 'stage' | 'createdAt' | 'endedAt'>, ItemCounts {
  readonly stage: number;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

/** One that has ended knows its counts; one that goes on is counted, in the same statement. */
const REPLAYS = `
  SELECT id AS "replayId", actor, reason, selection, is_canary AS "isCanary", few,
    events_per_second AS "eventsPerSecond", retries, stop_on AS "stopOn", replays.status, stage, total, stop,
    created_at AS "createdAt", ended_at AS "endedAt", coalesce(item.released, 0) AS released,
    coalesce(item.succeeded, replays.succeeded) AS succeeded, coalesce(item.failed, replays.failed) AS failed,
    coalesce(item.skipped, replays.skipped) AS skipped, coalesce(item.withdrawn, replays.withdrawn) AS withdrawn
  FROM replays LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status = 'RELEASED')::int AS released,
      count(*) FILTER (WHERE status = 'SUCCEEDED')::int AS succeeded,
      count(*) FILTER (WHERE status = 'FAILED')::int AS failed,
      count(*) FILTER (WHERE status = 'SKIPPED')::int AS skipped,
      count(*) FILTER (WHERE status = 'WITHDRAWN')::int AS withdrawn
    FROM replay_items WHERE replay_id = replays.id
  ) AS item ON replays.status = 'RUNNING'`;

function replayOf(row: ReplayRow): Replay {
  const { released, succeeded, failed, skipped, withdrawn, ...replay } = row;
  const begun = released + succeeded + failed + skipped + withdrawn;
  return {
    ...replay,
    stage: STAGES[row.stage] ?? 'rest',
    counts: { waiting: row.total - begun, released, succeeded, failed, skipped, withdrawn },
    createdAt: row.createdAt.toISOString(),
    endedAt: isoOf(row.endedAt),
  };
}
