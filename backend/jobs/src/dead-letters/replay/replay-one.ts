import { activeRecord } from '@clearway/telemetry';
import type { z } from 'zod';
import type { replayOneSchema } from '@clearway/contracts';
import { audit, type Change } from '../../administration/audit.ts';
import { NotPossible } from '../../administration/not-possible.ts';
import type { AnyJob } from '../../definition/define-job.ts';
import type { KeptSettings } from '../../definition/registry.ts';
import { checkAgainstKept } from '../../queue/check-input.ts';
import type { Sql } from '../../queue/connections.ts';
import { checkedKey, inProducerSpan } from '../../queue/enqueue.ts';
import type { Jobs } from '../../start-jobs.ts';
import { whyNotOpen } from '../why-not-open.ts';
import { LOCK } from './create-replay.ts';
import { jobProblems } from './job-problems.ts';
import { releaseItems } from './release.ts';

/** What the replay of one letter is asked for. */
export type OneOrder = Omit<z.output<typeof replayOneSchema>, 'reason'>;

/** The replay of one letter. */
export interface ReplayedOne {
  readonly replayId: string;
  readonly eventId: string;
}

/**
 * Runs the event of one dead letter again, now, if need be with another input.
 *
 * @returns undefined when there is no such letter
 * @throws {InputRefused} with all problems, when the other input does not fit
 * @throws {NotPossible} when its job is gone, or somebody was first; the message says who
 */
export async function replayDeadLetter(
  { boss, connections, definitions }: Pick<Jobs, 'boss' | 'connections' | 'definitions'>,
  id: string,
  order: OneOrder,
  change: Change,
): Promise<ReplayedOne | undefined> {
  const { rows } = await connections.query<{ job_id: string; settings: KeptSettings | null }>(LETTER, [id]);
  const [letter] = rows;
  if (!letter) return undefined;
  const { job_id: jobId, settings } = letter;
  const gone = (await jobProblems(connections, [jobId])).find((problem) => problem.kind === 'gone');
  if (gone) throw new NotPossible('too late', gone.message);
  const isEdited = order.input !== undefined;
  if (isEdited) checkEdited(jobId, settings ?? {}, order.input, definitions.get(jobId));
  return inProducerSpan(jobId, (traceparent) =>
    connections.transaction(async (sql) => {
      const replayId = await insertSingle(sql, id, order, change);
      if (isEdited) {
        await sql.query('UPDATE dead_letter_queue SET edited_data = $2, updated_at = now() WHERE id = $1', [
          id,
          JSON.stringify(order.input),
        ]);
      }
      const requestId = activeRecord()?.requestId;
      const origin = {
        ...(traceparent !== undefined && { traceparent }),
        ...(requestId !== undefined && { requestId }),
      };
      const batch = { replayId, after: 0, count: 1, retries: order.retries ?? null, origin };
      const [eventId] = await releaseItems(boss, sql, batch);
      if (eventId === undefined) throw await tooLate(sql, id);
      await audit(sql, change, 'dead-letter.replay', `dead-letter:${id}`, { replayId, eventId, isEdited });
      return { replayId, eventId };
    }),
  );
}

const LETTER = `SELECT letter.job_id, d.settings FROM dead_letter_queue letter LEFT JOIN job_definitions d USING (job_id)
  WHERE letter.id = $1`;

function checkEdited(jobId: string, settings: Partial<KeptSettings>, input: unknown, job: AnyJob | undefined): void {
  checkAgainstKept(jobId, settings as KeptSettings, input, job);
  if (job?.idempotencyKey) checkedKey(job, job.input.parse(input));
}

/** A replay of its own, whose only item is released at once. */
async function insertSingle(sql: Sql, id: string, { retries }: OneOrder, { actor, reason }: Change): Promise<string> {
  await sql.query(LOCK);
  const selection = JSON.stringify({ ids: [id] });
  const { rows } = await sql.query<{ replay_id: string }>(SINGLE, [actor, reason, selection, retries ?? null, id]);
  const [row] = rows;
  if (!row) throw await tooLate(sql, id);
  return row.replay_id;
}

async function tooLate(sql: Sql, id: string): Promise<NotPossible> {
  return new NotPossible('too late', (await whyNotOpen(sql, id)) ?? 'it was deleted');
}

const SINGLE = `
  WITH letter AS (
    SELECT id, status, signature FROM dead_letter_queue
    WHERE id = $5 AND status IN ('PENDING', 'FAILED') AND discarded_at IS NULL
  ), replay AS (
    INSERT INTO replays (actor, reason, selection, is_canary, few, events_per_second, retries, stop_on, stage, total,
      released, signatures)
    SELECT $1, $2, $3, false, 1, 1, $4, 'same-signature', 2, 1, 1, ARRAY[signature] FROM letter
    RETURNING id
  )
  INSERT INTO replay_items (replay_id, position, dead_letter_id, was_status)
  SELECT replay.id, 1, letter.id, letter.status FROM replay, letter
  ON CONFLICT DO NOTHING RETURNING replay_id`;
