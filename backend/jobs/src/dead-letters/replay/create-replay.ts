import type { DeadLetterMatch, ReplayRequest } from '@clearway/contracts';
import { audit, type Change } from '../../administration/audit.ts';
import { NotPossible } from '../../administration/not-possible.ts';
import type { Connections, Sql } from '../../queue/connections.ts';
import { conditionOf, IS_OPEN } from '../filter.ts';
import { jobProblems } from './job-problems.ts';

/** What a replay is asked for, without who asks. */
export type ReplayOrder = Omit<ReplayRequest, 'reason' | 'dryRun'>;

/** One after the other: what one takes the next one sees. */
export const LOCK = "SELECT pg_advisory_xact_lock(hashtext('clearway.replays'))";

/**
 * Begins a replay of all letters that are meant and that nobody else replays. The letters are chosen now, those that come
 * later are left out; the workers go on with it, whatever becomes of this process.
 *
 * @returns the replay's id
 * @throws {NotPossible} when there is nothing to replay, or a job is gone; the message says who was first
 */
export async function createReplay(connections: Connections, order: ReplayOrder, change: Change): Promise<string> {
  return connections.transaction(async (sql) => {
    await sql.query(LOCK);
    const { matching, inReplay, jobs } = await matchReplay(sql, order);
    const gone = jobs.filter((job) => job.isGone).map((job) => job.problem);
    if (gone.length > 0) throw new NotPossible('too late', `${gone.join('; ')}. Leave it out of the selection`);
    if (matching === inReplay) throw new NotPossible('too late', await nothingToReplay(sql, inReplay));
    const id = await insertReplay(sql, order, change);
    const total = await chooseItems(sql, id, order);
    const details = { replayId: id, total, selection: order.selection, canary: order.canary };
    await audit(sql, change, 'dead-letter.replay', 'dead-letters', details);
    return id;
  });
}

interface Match extends DeadLetterMatch {
  readonly jobs: readonly (DeadLetterMatch['jobs'][number] & { readonly isGone: boolean })[];
}

/** What a replay would be of. */
export async function matchReplay(sql: Sql, { selection }: Pick<ReplayOrder, 'selection'>): Promise<Match> {
  const values: unknown[] = [];
  const { rows } = await sql.query<{ jobId: string; matching: number; open: number }>(
    `SELECT job_id AS "jobId", count(*)::int AS matching, count(*) FILTER (WHERE ${IS_OPEN})::int AS open
     FROM dead_letter_queue
     WHERE ${conditionOf(selection, values)} AND (status <> 'SUCCEEDED') GROUP BY job_id ORDER BY job_id`,
    values,
  );
  const ofOpen = rows.filter((row) => row.open > 0);
  const problems = await jobProblems(
    sql,
    ofOpen.map((row) => row.jobId),
  );
  const sum = (count: (row: (typeof rows)[number]) => number): number =>
    rows.reduce((total, row) => total + count(row), 0);
  return {
    matching: sum((row) => row.matching),
    inReplay: sum((row) => row.matching - row.open),
    jobs: ofOpen.map(({ jobId, open }) => {
      const problem = problems.find((each) => each.jobId === jobId);
      return { jobId, count: open, problem: problem?.message ?? null, isGone: problem?.kind === 'gone' };
    }),
  };
}

async function nothingToReplay(sql: Sql, inReplay: number): Promise<string> {
  if (inReplay === 0) return 'no dead letter is meant that could be replayed';
  const { rows } = await sql.query<{ id: string; actor: string; created_at: Date }>(
    "SELECT id, actor, created_at FROM replays WHERE status = 'RUNNING' ORDER BY created_at DESC LIMIT 5",
  );
  const replays = rows.map(({ id, actor, created_at: at }) => `${actor} since ${at.toISOString()} (replay ${id})`);
  return `all ${inReplay} are being replayed: by ${replays.join(', ')}`;
}

async function insertReplay(sql: Sql, order: ReplayOrder, { actor, reason }: Change): Promise<string> {
  const { selection, canary, few, eventsPerSecond, retries, stopOn } = order;
  const { rows } = await sql.query<{ id: string }>(
    `INSERT INTO replays (actor, reason, selection, is_canary, few, events_per_second, retries, stop_on, stage, total)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) RETURNING id`,
    [
      ...[actor, reason, JSON.stringify(selection), canary, few, eventsPerSecond, retries ?? null, stopOn],
      canary ? 0 : 2,
    ],
  );
  const [row] = rows;
  if (!row) throw new Error('a replay that was just written is gone');
  return row.id;
}

/**
 * Puts the letters in their order. The canary stages have as many different signatures as there is room for, so that each
 * is tried before the rest; after that the oldest come first.
 */
async function chooseItems(sql: Sql, replayId: string, { selection, canary, few }: ReplayOrder): Promise<number> {
  const values: unknown[] = [replayId, canary ? 1 + few : 0];
  const { rowCount } = await sql.query(
    `INSERT INTO replay_items (replay_id, position, dead_letter_id, was_status)
     SELECT $1, row_number() OVER (ORDER BY least(turn, $2 + 1), created_at, id), id, status
     FROM (
       SELECT *, row_number() OVER (ORDER BY of_signature, created_at, id) AS turn
       FROM (
         SELECT id, status, created_at, row_number() OVER (PARTITION BY signature ORDER BY created_at, id) AS of_signature
         FROM dead_letter_queue WHERE ${conditionOf(selection, values)} AND ${IS_OPEN}
       ) AS letter
     ) AS letter
     ON CONFLICT DO NOTHING`,
    values,
  );
  await sql.query(
    `UPDATE replays SET total = $2, signatures = ARRAY(
       SELECT DISTINCT signature FROM replay_items item JOIN dead_letter_queue letter ON letter.id = item.dead_letter_id
       WHERE item.replay_id = $1)
     WHERE id = $1`,
    [replayId, rowCount],
  );
  return rowCount ?? 0;
}
