import type { PgBoss } from 'pg-boss';
import type { Connections, Sql } from '../../queue/connections.ts';
import { jobProblems } from './job-problems.ts';
import { reasonToStop } from './reasons-to-stop.ts';
import { releaseItems } from './release.ts';
import { countItems, takeReplay, type ItemCounts, type RunningReplay } from './running-replay.ts';
import { stopReplay } from './stop.ts';

/** Of an event at a time, so that a transaction stays short. */
const LARGEST_BATCH = 500;
const LEAST_IN_QUEUE = 100;
/** So much of a replay may lie in the queue: more would only be in the way when it has to stop. */
const SECONDS_IN_QUEUE = 10;

/**
 * Goes on with all replays: ends those that are through, stops those whose letters fail again, and releases what is due of
 * the others. Any number of processes may do so at once, and each may be killed at any point: a step of a replay is one
 * transaction that holds its row, and the next step begins with what the last one committed.
 *
 * @returns how many were gone on with
 */
export async function advanceReplays(boss: PgBoss, connections: Connections): Promise<number> {
  const { rows } = await connections.query<{ id: string }>(
    "SELECT id FROM replays WHERE status = 'RUNNING' ORDER BY created_at",
  );
  for (const { id } of rows) await connections.transaction((sql) => advance(boss, sql, id));
  return rows.length;
}

async function advance(boss: PgBoss, sql: Sql, id: string): Promise<void> {
  const replay = await takeReplay(sql, id);
  if (!replay) return;
  const counts = await countItems(sql, id);
  if (isOver(replay, counts)) return end(sql, replay, counts);
  if (replay.stop) return;
  const reason = replay.total > 1 ? await reasonToStop(sql, replay) : undefined;
  if (reason) return stopReplay(sql, id, reason);
  await release(boss, sql, replay, counts.released);
}

/** Whether nothing waits and nothing runs. */
function isOver({ stop, total, released }: RunningReplay, counts: ItemCounts): boolean {
  return counts.released === 0 && (stop !== null || released >= total);
}

async function end(sql: Sql, { id, stop }: RunningReplay, counts: ItemCounts): Promise<void> {
  const { succeeded, failed, skipped, withdrawn } = counts;
  const status = stop === null ? 'COMPLETED' : stop.kind === 'cancelled' ? 'CANCELLED' : 'STOPPED';
  await sql.query(
    `WITH ended AS (
       UPDATE replays SET status = $2, ended_at = now(), succeeded = $3, failed = $4, skipped = $5, withdrawn = $6
       WHERE id = $1
     )
     INSERT INTO audit_log (actor, action, subject, reason, details)
     VALUES ('worker', 'replay.end', 'replay:' || $1::text, $7, $8)`,
    [id, status, succeeded, failed, skipped, withdrawn, stop?.message ?? null, JSON.stringify({ status, ...counts })],
  );
}

async function release(boss: PgBoss, sql: Sql, replay: RunningReplay, inQueue: number): Promise<void> {
  const { id, retries, eventsPerSecond, total } = replay;
  const stage = inQueue === 0 ? stageAfter(replay) : replay.stage;
  const upTo = Math.min(total, lastOfStage(replay, stage));
  const room = Math.max(LEAST_IN_QUEUE, eventsPerSecond * SECONDS_IN_QUEUE) - inQueue;
  const most = Math.max(1, eventsPerSecond);
  const credit = Math.min(most, replay.credit + replay.elapsedSeconds * eventsPerSecond);
  const count = Math.max(0, Math.min(Math.floor(credit), upTo - replay.released, room, LARGEST_BATCH));
  if (count > 0) {
    const gone = await goneJob(sql, id, replay.released, count);
    if (gone !== undefined) return stopReplay(sql, id, { kind: 'job-gone', message: gone });
    await releaseItems(boss, sql, { replayId: id, after: replay.released, count, retries });
  }
  await sql.query('UPDATE replays SET stage = $2, released = $3, credit = $4, paced_at = now() WHERE id = $1', [
    ...[id, stage, replay.released + count, credit - count],
  ]);
}

/** The stage to go on with when all that was released has ended. */
function stageAfter(replay: RunningReplay): number {
  let { stage } = replay;
  while (stage < 2 && replay.released >= lastOfStage(replay, stage)) stage++;
  return stage;
}

/** The position that a stage goes up to. */
function lastOfStage({ few }: RunningReplay, stage: number): number {
  return stage === 0 ? 1 : stage === 1 ? 1 + few : Infinity;
}

async function goneJob(sql: Sql, replayId: string, after: number, count: number): Promise<string | undefined> {
  const { rows } = await sql.query<{ job_id: string }>(
    `SELECT DISTINCT job_id FROM replay_items item JOIN dead_letter_queue letter ON letter.id = item.dead_letter_id
     WHERE item.replay_id = $1 AND position > $2 AND position <= $3`,
    [replayId, after, after + count],
  );
  const problems = await jobProblems(
    sql,
    rows.map((row) => row.job_id),
  );
  return problems.find((problem) => problem.kind === 'gone')?.message;
}
