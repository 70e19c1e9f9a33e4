import type { Sql } from '../../queue/connections.ts';
import type { Stop } from './stop.ts';

/** A replay that goes on, as its row has it. */
export interface RunningReplay {
  readonly id: string;
  readonly isCanary: boolean;
  readonly few: number;
  readonly eventsPerSecond: number;
  readonly retries: number | null;
  readonly stopOn: 'same-signature' | 'any-failure';
  readonly signatures: readonly string[];
  /** 0: one, 1: a few, 2: the rest. */
  readonly stage: number;
  readonly total: number;
  /** Position of the last item that was released. */
  readonly released: number;
  readonly stop: Stop | null;
  readonly credit: number;
  /** Since the credit was as it is, in seconds. */
  readonly elapsedSeconds: number;
}

/** Takes a replay for the rest of the transaction; undefined when another worker has it, or it has ended. */
export async function takeReplay(sql: Sql, id: string): Promise<RunningReplay | undefined> {
  return (await sql.query<RunningReplay>(TAKE, [id])).rows[0];
}

const TAKE = `
  SELECT id, is_canary AS "isCanary", few, events_per_second AS "eventsPerSecond", retries, stop_on AS "stopOn",
    signatures, stage, total, released, stop, credit,
    greatest(0, extract(epoch FROM now() - paced_at))::float8 AS "elapsedSeconds"
  FROM replays WHERE id = $1 AND status = 'RUNNING' FOR UPDATE SKIP LOCKED`;

/** How many items of a replay stand how. */
export interface ItemCounts {
  readonly released: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly withdrawn: number;
}

/** Counts the items of a replay that do not wait any more. */
export async function countItems(sql: Sql, replayId: string): Promise<ItemCounts> {
  const { rows } = await sql.query<{ status: string; count: number }>(
    `SELECT lower(status::text) AS status, count(*)::int AS count FROM replay_items
     WHERE replay_id = $1 AND status <> 'WAITING' GROUP BY status`,
    [replayId],
  );
  const none = { released: 0, succeeded: 0, failed: 0, skipped: 0, withdrawn: 0 };
  return { ...none, ...Object.fromEntries(rows.map(({ status, count }) => [status, count])) };
}
