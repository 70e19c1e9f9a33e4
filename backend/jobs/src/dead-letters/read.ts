import type { DeadLetter, DeadLetterRun, ExportedDeadLetter } from '@clearway/contracts';
import { isoOf } from '../administration/list-jobs.ts';
import type { Sql } from '../queue/connections.ts';
import type { KeptCause } from '../runs/kept-error.ts';
import { SUMMARY, summaryOf, type SummaryRow } from './list.ts';

const MOST_RUNS = 200;
const MOST_REPLAYS = 100;

/** One dead letter with all that is kept of it; undefined when there is none. */
export async function readDeadLetter(sql: Sql, id: string): Promise<DeadLetter | undefined> {
  const { rows } = await sql.query<WholeRow & { readonly isKeyDone: boolean }>(
    `SELECT ${WHOLE}, status <> 'SUCCEEDED' AND EXISTS (
       SELECT 1 FROM job_ledger ledger WHERE ledger.job_id = dead_letter_queue.job_id
         AND ledger.key = dead_letter_queue.key AND succeeded_at IS NOT NULL) AS "isKeyDone"
     FROM dead_letter_queue WHERE id = $1`,
    [id],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { isKeyDone } = row;
  return { ...wholeOf(row), isKeyDone, runs: await runsOf(sql, id), replays: await replaysOf(sql, id) };
}

/** A letter as the database has it. */
export interface WholeRow extends SummaryRow {
  readonly event: ExportedDeadLetter['event'];
  readonly editedEvent: ExportedDeadLetter['event'] | null;
  readonly isEdited: boolean;
  readonly stack: string | null;
  readonly key: string | null;
  readonly discardedBy: string | null;
  readonly discardReason: string | null;
  readonly metadata: { readonly trigger?: string; readonly causes?: KeptCause[] } | null;
}

/** The columns of a letter. */
export const WHOLE = `${SUMMARY}, error, event_data AS event, edited_data AS "editedEvent",
  edited_data IS NOT NULL AS "isEdited", stack, key, discarded_by AS "discardedBy", discard_reason AS "discardReason",
  metadata`;

/** A letter, whole, without its runs. */
export function wholeOf(row: WholeRow): ExportedDeadLetter {
  const { metadata, isEdited, editedEvent, event, stack, key, discardedBy, discardReason } = row;
  const { id, jobId, status, signature, errorName, error, attempts, eventId, traceId, requestId } = row;
  const { discardedAt, enqueuedAt, lastAttemptAt, processedAt, createdAt } = summaryOf(row);
  return {
    ...{ id, jobId, status, signature, errorName, error, attempts, eventId, traceId, requestId },
    ...{ createdAt, enqueuedAt, lastAttemptAt, processedAt, discardedAt, discardedBy, discardReason },
    ...{ trigger: metadata?.trigger ?? null, key, event, ...(isEdited && { editedEvent }) },
    ...{ stack, causes: metadata?.causes ?? [] },
  };
}

type RunRow = Omit<DeadLetterRun, 'startedAt' | 'endedAt'> & {
  readonly startedAt: Date;
  readonly endedAt: Date | null;
};

/** All tries of the event and of those that replayed it. */
async function runsOf(sql: Sql, id: string): Promise<DeadLetterRun[]> {
  const { rows } = await sql.query<RunRow>(RUNS, [id, MOST_RUNS]);
  return rows
    .map((run) => ({ ...run, startedAt: run.startedAt.toISOString(), endedAt: isoOf(run.endedAt) }))
    .toReversed();
}

const RUNS = `
  SELECT id AS "runId", event_id AS "eventId", attempt, status, trigger, worker, started_at AS "startedAt",
    ended_at AS "endedAt", duration_ms AS "durationMs", trace_id AS "traceId", error - 'stack' - 'causes' AS error
  FROM job_runs
  WHERE event_id IN (
    SELECT event_id FROM dead_letter_queue WHERE id = $1
    UNION ALL SELECT event_id FROM replay_items WHERE dead_letter_id = $1 AND event_id IS NOT NULL
  )
  ORDER BY started_at DESC, id DESC LIMIT $2`;

async function replaysOf(sql: Sql, id: string): Promise<DeadLetter['replays']> {
  const { rows } = await sql.query<
    DeadLetter['replays'][number] & { readonly at: Date; readonly endedAt: Date | null }
  >(
    `SELECT replay.id AS "replayId", actor, reason, item.status, item.event_id AS "eventId",
       coalesce(item.released_at, replay.created_at) AS at, item.ended_at AS "endedAt"
     FROM replay_items item JOIN replays replay ON replay.id = item.replay_id
     WHERE item.dead_letter_id = $1 ORDER BY replay.created_at DESC LIMIT $2`,
    [id, MOST_REPLAYS],
  );
  return rows.map((row) => ({ ...row, at: row.at.toISOString(), endedAt: isoOf(row.endedAt) })).toReversed();
}
