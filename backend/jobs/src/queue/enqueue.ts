import { activeRecord, formatTraceparent } from '@clearway/telemetry';
import { context, SpanKind, trace } from '@opentelemetry/api';
import type { PgBoss } from 'pg-boss';
import type { z } from 'zod';
import type { AnyJob, JobDefinition } from '../definition/define-job.ts';
import { claimKey } from '../ledger/ledger.ts';
import { checkStorable } from './check-input.ts';
import type { Connections, Sql } from './connections.ts';
import type { EventData, Trigger } from './event.ts';
import { InputRefused } from './input-refused.ts';
import { NOTIFY } from './notices.ts';
import { asDatabase } from './open-queue.ts';

const TRACER = '@clearway/jobs';
const LONGEST_KEY = 500;

/** How one event is enqueued. */
export interface EnqueueOptions {
  /** Not before this moment. */
  readonly startAfter?: Date;
  /** Higher ones first; 0 by default. */
  readonly priority?: number;
  /** A transaction of the same database: the event is there when it is committed, and never was when it is not. */
  readonly transaction?: Sql;
}

/** What became of an event. */
export interface Enqueued {
  readonly eventId: string;
  /** Whether an event with the same key was there before: this is its id then, and nothing was enqueued. */
  readonly isDuplicate: boolean;
}

/** Facts of an event that its sender does not choose. */
export interface EventOrigin {
  readonly trigger: Trigger;
  readonly eventId?: string;
  readonly dueAt?: Date;
  readonly deadLetterId?: string;
}

/** Puts an event into the queue of a job: one PRODUCER span, one row. */
export async function enqueue<Schema extends z.ZodType>(
  { boss, connections }: { readonly boss: PgBoss; readonly connections: Connections },
  job: JobDefinition<Schema>,
  input: z.input<Schema>,
  options: EnqueueOptions,
  origin: EventOrigin,
): Promise<Enqueued> {
  const checked = checkedInput(job, input);
  const key = job.idempotencyKey ? checkedKey(job, checked) : undefined;
  const jobId = job.settings.id;
  return inProducerSpan(jobId, (traceparent) => {
    const data = eventOf(input, key, traceparent, origin);
    const put = (sql: Sql): Promise<Enqueued> => putEvent(boss, sql, jobId, data, options, origin.eventId);
    return options.transaction ? put(options.transaction) : connections.transaction(put);
  });
}

function checkedInput<Schema extends z.ZodType>(job: JobDefinition<Schema>, input: unknown): z.output<Schema> {
  const parsed = job.input.safeParse(input);
  if (!parsed.success) throw new InputRefused(job.settings.id, parsed.error);
  checkStorable(job.settings.id, input);
  return parsed.data;
}

/**
 * The idempotency key of an input that was checked.
 *
 * @throws {InputRefused} when the job makes no usable key of it
 */
export function checkedKey({ idempotencyKey, settings }: AnyJob, input: unknown): string {
  const key: unknown = idempotencyKey?.(input as never);
  if (typeof key === 'string' && key !== '' && key.length <= LONGEST_KEY) return key;
  throw new InputRefused(settings.id, `its idempotency key must be a text of 1 to ${LONGEST_KEY} characters`);
}

function eventOf(input: unknown, key: string | undefined, traceparent: string | undefined, origin: EventOrigin) {
  const requestId = activeRecord()?.requestId;
  return {
    input: input as EventData['input'],
    trigger: origin.trigger,
    ...(key !== undefined && { key }),
    ...(traceparent !== undefined && { traceparent }),
    ...(requestId !== undefined && { requestId }),
    ...(origin.dueAt && { dueAt: origin.dueAt.toISOString() }),
    ...(origin.deadLetterId !== undefined && { deadLetterId: origin.deadLetterId }),
  } satisfies EventData;
}

/** Writes an event into the queue, and says so to those who wait for it. */
export async function putEvent(
  boss: PgBoss,
  sql: Sql,
  jobId: string,
  data: EventData,
  options: EnqueueOptions,
  eventId: string = crypto.randomUUID(),
): Promise<Enqueued> {
  // a replay is meant to run though its key is taken
  if (data.key !== undefined && data.trigger !== 'replay') {
    const claimedBy = await claimKey(sql, jobId, data.key, eventId);
    if (claimedBy !== eventId) return { eventId: claimedBy, isDuplicate: true };
  }
  await boss.send(jobId, data, {
    id: eventId,
    db: asDatabase(sql),
    ...(options.priority !== undefined && { priority: options.priority }),
    ...(options.startAfter && { startAfter: options.startAfter }),
  });
  await sql.query(NOTIFY, [jobId]);
  return { eventId, isDuplicate: false };
}

/** The span that the run becomes a child of: `send {job}`, as OpenTelemetry's conventions for messaging name it. */
export async function inProducerSpan<T>(
  jobId: string,
  send: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  const span = trace.getTracer(TRACER).startSpan(`send ${jobId}`, {
    kind: SpanKind.PRODUCER,
    attributes: {
      'messaging.system': 'pg-boss',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'send',
      'messaging.destination.name': jobId,
    },
  });
  try {
    return await context.with(trace.setSpan(context.active(), span), () => send(traceparentOf(span)));
  } catch (error) {
    span.recordException(error as Error);
    span.setAttribute('error.type', (error as Error).name);
    throw error;
  } finally {
    span.end();
  }
}

function traceparentOf(span: ReturnType<ReturnType<typeof trace.getTracer>['startSpan']>): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (/^0+$/.test(traceId)) return undefined;
  return formatTraceparent({ traceId, spanId, sampled: (traceFlags & 1) === 1 });
}
