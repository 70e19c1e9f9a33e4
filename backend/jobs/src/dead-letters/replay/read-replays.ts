import type { Replay } from '@clearway/contracts';
import { cursorOf, readCursor } from '../../administration/cursor.ts';
import { isoOf } from '../../administration/list-jobs.ts';
import type { Sql } from '../../queue/connections.ts';
import { countItems, type ItemCounts } from './running-replay.ts';

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
    `SELECT ${COLUMNS} FROM replays
     WHERE ($1::text IS NULL OR status::text = $1) AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [status ?? null, createdAt, id, limit + 1],
  );
  const replays: Replay[] = [];
  for (const row of rows.slice(0, limit)) replays.push(await replayOf(sql, row));
  const last = replays.at(-1);
  return { replays, ...(rows.length > limit && last && { nextCursor: cursorOf(last.createdAt, last.replayId) }) };
}

/** One replay with how far it is; undefined when there is none. */
export async function readReplay(sql: Sql, id: string): Promise<Replay | undefined> {
  const { rows } = await sql.query<ReplayRow>(`SELECT ${COLUMNS} FROM replays WHERE id = $1`, [id]);
  return rows[0] && replayOf(sql, rows[0]);
}

interface ReplayRow extends Omit<Replay, 'counts' | 'stage' | 'createdAt' | 'endedAt'>, Omit<ItemCounts, 'released'> {
  readonly stage: number;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

const COLUMNS = `id AS "replayId", actor, reason, selection, is_canary AS "isCanary", few,
  events_per_second AS "eventsPerSecond", retries, stop_on AS "stopOn", status, stage, total, stop, created_at AS "createdAt",
  ended_at AS "endedAt", succeeded, failed, skipped, withdrawn`;

/** One that has ended knows its counts; one that goes on is counted. */
async function replayOf(sql: Sql, row: ReplayRow): Promise<Replay> {
  const { succeeded, failed, skipped, withdrawn, ...replay } = row;
  const counts =
    row.status === 'RUNNING'
      ? await countItems(sql, row.replayId)
      : { released: 0, succeeded, failed, skipped, withdrawn };
  const begun = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return {
    ...replay,
    stage: STAGES[row.stage] ?? 'rest',
    counts: { waiting: row.total - begun, ...counts },
    createdAt: row.createdAt.toISOString(),
    endedAt: isoOf(row.endedAt),
  };
}
