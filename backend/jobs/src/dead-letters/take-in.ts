import type { JobWithMetadata, PgBoss } from 'pg-boss';
import type { Connections, Sql } from '../queue/connections.ts';
import { eventData, type EventData } from '../queue/event.ts';
import { asDatabase, DEAD_LETTER_QUEUE } from '../queue/open-queue.ts';
import type { KeptError } from '../runs/kept-error.ts';
import { closeLostRuns } from '../runs/run-records.ts';
import { replayFailed } from './replayed.ts';
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
  /** Undefined when the process that ran it ended, or when it was tried to be taken in before. */
  readonly error: KeptError | undefined;
}

/** What an event leaves when the process that ran it for the last time is gone. */
const LOST: KeptError = {
  name: 'WorkerLost',
  message: 'The worker ended, or gave no sign of life, while the job ran.',
};

/**
 * Moves events whose last try failed from the queue into the table of dead letters, each with its error, its trace and its
 * tries. The event is written and taken from the queue in one transaction: none is lost, and none is there twice. One that
 * cannot be written goes back into the queue, and keeps no other from being written.
 *
 * @returns how many were moved; call again while it is not 0
 */
export async function takeInDeadLetters(boss: PgBoss, connections: Connections): Promise<number> {
  const events = await boss.fetch<object>(DEAD_LETTER_QUEUE, { batchSize: BATCH, includeMetadata: true });
  const problems: unknown[] = [];
  for (const event of events) {
    await connections
      .transaction(async (sql) => {
        await writeDeadLetter(sql, deadEventOf(event));
        await boss.complete(DEAD_LETTER_QUEUE, event.id, undefined, { db: asDatabase(sql) });
      })
      .catch((error: unknown) => problems.push(error));
  }
  if (problems.length > 0) {
    await giveBack(boss, events);
    throw problems[0];
  }
  return events.length;
}

/** Those that were written are over and not given back. */
async function giveBack(boss: PgBoss, events: readonly JobWithMetadata[]): Promise<void> {
  for (const { id, output } of events) await boss.fail(DEAD_LETTER_QUEUE, id, output);
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
    error: typeof output?.name === 'string' && typeof output.message === 'string' ? (output as KeptError) : undefined,
  };
}

async function writeDeadLetter(sql: Sql, event: DeadEvent): Promise<void> {
  const { data, attempts, eventId } = event;
  const { rows } = await sql.query<LastRun>(LAST_RUN, [eventId]);
  const [run] = rows;
  const error = event.error ?? run?.error ?? LOST;
  const stack = error.stack ?? null;
  const signature = signatureOf(event.jobId, error);
  const traceId = run?.trace_id ?? null;
  const isReplay =
    data.deadLetterId !== undefined &&
    (await replayFailed(sql, { eventId, attempts, error, stack, signature, traceId }));
  if (!isReplay) {
    const { trigger, dueAt } = data;
    const metadata = { trigger, ...(dueAt !== undefined && { dueAt }), ...(error.causes && { causes: error.causes }) };
    await sql.query(INSERT, [
      event.jobId,
      eventId,
      JSON.stringify(data.input ?? event.raw ?? null),
      attempts,
      error.message,
      error.name,
      stack,
      signature,
      traceId,
      run?.request_id ?? data.requestId ?? null,
      data.key ?? null,
      event.enqueuedAt,
      JSON.stringify(metadata),
    ]);
  }
  // last, since the job's counts stay locked until the commit
  await closeLostRuns(sql, event.jobId, eventId);
}

interface LastRun {
  readonly trace_id: string | null;
  readonly request_id: string | null;
  readonly error: KeptError | null;
}

const LAST_RUN = `SELECT trace_id, request_id, error FROM job_runs WHERE event_id = $1 ORDER BY started_at DESC LIMIT 1`;

const INSERT = `
  INSERT INTO dead_letter_queue (job_id, event_id, event_data, attempts, error, error_name, stack, signature, trace_id,
    request_id, key, enqueued_at, metadata, last_attempt_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now(), now())
  ON CONFLICT (event_id) DO NOTHING`;
