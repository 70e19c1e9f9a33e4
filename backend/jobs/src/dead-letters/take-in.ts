import type { JobWithMetadata, PgBoss } from 'pg-boss';
import type { Connections, Sql } from '../queue/connections.ts';
import { eventData, type EventData } from '../queue/event.ts';
import { asDatabase, DEAD_LETTER_QUEUE } from '../queue/open-queue.ts';
import { closeLostRuns, type KeptError } from '../runs/run-records.ts';
import { signatureOf } from './signature.ts';

const BATCH = 50;

/** What the queue tells of an event that was tried for the last time. */
interface DeadEvent {
  readonly jobId: string;
  readonly eventId: string;
  readonly enqueuedAt: Date | null;
  readonly attempts: number;
  readonly data: EventData;
  readonly raw: unknown;
  readonly error: KeptError;
}

/** What an event leaves when the process that ran it for the last time is gone. */
const LOST: KeptError = {
  name: 'WorkerLost',
  message: 'The worker ended, or gave no sign of life, while the job ran.',
};

/**
 * Moves events whose last try failed from the queue into the table of dead letters, each with its error, its trace and its
 * tries. The event is written and taken from the queue in one transaction: none is lost, and none is there twice.
 *
 * @returns how many were moved; call again while it is the size of a batch
 */
export async function takeInDeadLetters(boss: PgBoss, connections: Connections): Promise<number> {
  const events = await boss.fetch<object>(DEAD_LETTER_QUEUE, { batchSize: BATCH, includeMetadata: true });
  for (const event of events) {
    await connections.transaction(async (sql) => {
      await writeDeadLetter(sql, deadEventOf(event));
      await boss.complete(DEAD_LETTER_QUEUE, event.id, undefined, { db: asDatabase(sql) });
    });
  }
  return events.length;
}

function deadEventOf(event: JobWithMetadata): DeadEvent {
  const output = event.output as Partial<KeptError> | null;
  const data = eventData.safeParse(event.data).data ?? { trigger: 'enqueue' as const };
  return {
    jobId: event.sourceName ?? 'unknown',
    eventId: event.sourceId ?? event.id,
    enqueuedAt: event.sourceCreatedOn,
    attempts: (event.sourceRetryCount ?? 0) + 1,
    data,
    raw: event.data,
    error: typeof output?.name === 'string' && typeof output.message === 'string' ? (output as KeptError) : LOST,
  };
}

async function writeDeadLetter(sql: Sql, event: DeadEvent): Promise<void> {
  await closeLostRuns(sql, event.jobId, event.eventId);
  const { rows } = await sql.query<{ trace_id: string | null; request_id: string | null }>(LAST_RUN, [event.eventId]);
  const { error, data } = event;
  const facts = [
    error.message,
    error.name,
    error.stack ?? null,
    signatureOf(event.jobId, error),
    rows[0]?.trace_id ?? null,
  ];
  if (data.deadLetterId !== undefined) {
    const { rowCount } = await sql.query(REPLAY_FAILED, [data.deadLetterId, event.attempts, ...facts]);
    if (rowCount === 1) return;
  }
  await sql.query(INSERT, [
    event.jobId,
    event.eventId,
    JSON.stringify(data.input ?? event.raw ?? null),
    event.attempts,
    ...facts,
    rows[0]?.request_id ?? data.requestId ?? null,
    data.key ?? null,
    event.enqueuedAt,
    JSON.stringify({ trigger: data.trigger, ...(data.dueAt !== undefined && { dueAt: data.dueAt }) }),
  ]);
}

const LAST_RUN = `SELECT trace_id, request_id FROM job_runs WHERE event_id = $1 ORDER BY started_at DESC LIMIT 1`;

const INSERT = `
  INSERT INTO dead_letter_queue (job_id, event_id, event_data, attempts, error, error_name, stack, signature, trace_id,
    request_id, key, enqueued_at, metadata, last_attempt_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now(), now())
  ON CONFLICT (event_id) DO NOTHING`;

const REPLAY_FAILED = `
  UPDATE dead_letter_queue SET status = 'FAILED', attempts = attempts + $2, error = $3, error_name = $4, stack = $5,
    signature = $6, trace_id = coalesce($7, trace_id), last_attempt_at = now(), processed_at = now(), updated_at = now()
  WHERE id = $1 AND status = 'PROCESSING'`;
