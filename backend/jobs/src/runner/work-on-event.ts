import { parseTraceparent } from '@clearway/telemetry';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Span } from '@opentelemetry/api';
import type { JobWithMetadata, PgBoss } from 'pg-boss';
import type { AnyJob } from '../definition/define-job.ts';
import { PermanentFailure } from '../definition/job-context.ts';
import { problemsOf } from '../definition/problems-of.ts';
import { earlierSuccess } from '../ledger/ledger.ts';
import type { Connections } from '../queue/connections.ts';
import { checkedKey } from '../queue/enqueue.ts';
import { eventData, type EventData } from '../queue/event.ts';
import { beginRun, type RunEnd } from '../runs/run-records.ts';
import { ActiveRun } from './active-run.ts';
import { JobCall } from './job-call.ts';
import type { LineTarget } from './run-log.ts';
import { failure, settle, type Outcome } from './settle.ts';
import type { SignsOfLife } from './signs-of-life.ts';

const TRACER = '@clearway/jobs';

/** An event as the queue gives it out. */
export type FetchedEvent = JobWithMetadata;

/** A run that ended, for those who watch. */
export interface RunEnded {
  readonly jobId: string;
  readonly end: RunEnd | 'superseded';
  readonly durationMs: number;
  readonly waitMs: number;
  readonly traceId: string | undefined;
  /** Set when it failed. */
  readonly error?: unknown;
}

/** What working on events needs. */
export interface WorkOptions {
  readonly boss: PgBoss;
  readonly connections: Connections;
  readonly signs: SignsOfLife;
  readonly log: LineTarget;
  /** Names this process in the runs. */
  readonly worker: string;
  readonly onRunEnded: (run: RunEnded) => void;
}

/** Works on one event: one run, one CONSUMER span below the span of whoever enqueued it, one record in the database. */
export async function workOnEvent(options: WorkOptions, job: AnyJob, event: FetchedEvent): Promise<void> {
  const parsed = eventData.safeParse(event.data);
  const data = withKeyOfEdited(job, parsed.data ?? { trigger: 'enqueue' });
  const run = new ActiveRun(event.name, event.id);
  const span = consumerSpan(run, data, event);
  const inSpan = trace.setSpan(context.active(), span);
  options.signs.add(run);
  try {
    await begin(options, run, data, event, span);
    const outcome = await outcomeOf(options, job, run, data, event, inSpan);
    const end = await settle({ ...options, run, event: data }, outcome);
    report(options, run, event, span, outcome, end);
  } catch (error) {
    // not written down: the queue takes the event back when the signs of life stop
    options.log.warn('a job run could not be written down', { job: run.jobId, run: run.runId, error });
    span.recordException(error as Error);
  } finally {
    options.signs.delete(run);
    span.end();
  }
}

/** Who edits an event does not know how its job makes keys. */
function withKeyOfEdited(job: AnyJob, data: EventData): EventData {
  if (data.isEdited !== true || !job.idempotencyKey) return data;
  try {
    return { ...data, key: checkedKey(job, job.input.parse(data.input)) };
  } catch {
    return data; // refused below
  }
}

function consumerSpan(run: ActiveRun, data: EventData, event: FetchedEvent): Span {
  const parent = parseTraceparent(data.traceparent);
  const remote = parent && {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  };
  const attributes = {
    'messaging.system': 'pg-boss',
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'process',
    'messaging.destination.name': run.jobId,
    'messaging.message.id': run.eventId,
    'clearway.job.run_id': run.runId,
    'clearway.job.attempt': event.retryCount + 1,
  };
  const base = remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
  return trace
    .getTracer(TRACER)
    .startSpan(`process ${run.jobId}`, { kind: SpanKind.CONSUMER, attributes, root: !remote }, base);
}

function begin(options: WorkOptions, run: ActiveRun, data: EventData, event: FetchedEvent, span: Span): Promise<void> {
  return options.connections.transaction((sql) =>
    beginRun(sql, {
      runId: run.runId,
      jobId: run.jobId,
      eventId: run.eventId,
      attempt: event.retryCount + 1,
      trigger: data.trigger,
      worker: options.worker,
      enqueuedAt: event.createdOn,
      runnableAt: event.startAfter > event.createdOn ? event.startAfter : event.createdOn,
      dueAt: data.dueAt === undefined ? undefined : new Date(data.dueAt),
      traceId: traceIdOf(span),
      requestId: data.requestId,
    }),
  );
}

function traceIdOf(span: Span): string | undefined {
  const { traceId } = span.spanContext();
  return /^0+$/.test(traceId) ? undefined : traceId;
}

async function outcomeOf(
  options: WorkOptions,
  job: AnyJob,
  run: ActiveRun,
  data: EventData,
  event: FetchedEvent,
  inSpan: ReturnType<typeof context.active>,
): Promise<Outcome> {
  if (data.key !== undefined && (await earlierSuccess(options.connections, run.jobId, data.key))) {
    return { end: 'DUPLICATE', durationMs: 0 };
  }
  const input = job.input.safeParse(data.input);
  if (!input.success) {
    return failure(new PermanentFailure(`input refused: ${problemsOf(input.error)}`), 0);
  }
  if (data.isEdited === true && job.idempotencyKey && data.key === undefined) {
    return failure(new PermanentFailure('input refused: no idempotency key can be made of it'), 0);
  }
  const facts = { run, data, attempt: event.retryCount + 1, inSpan, log: options.log };
  return new JobCall(job, facts).outcome(input.data);
}

function report(
  options: WorkOptions,
  run: ActiveRun,
  event: FetchedEvent,
  span: Span,
  outcome: Outcome,
  end: RunEnd | 'superseded',
): void {
  span.setAttribute('clearway.job.end', end);
  const isFailure = end === 'FAILED' || end === 'TIMED_OUT' || end === 'LOST';
  if (isFailure) {
    span.setAttribute('error.type', outcome.error?.name ?? end);
    span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.error?.message ?? end });
  }
  const runnableAt = Math.max(event.startAfter.getTime(), event.createdOn.getTime());
  const startedAt = event.startedOn?.getTime() ?? runnableAt;
  options.onRunEnded({
    jobId: run.jobId,
    end,
    durationMs: outcome.durationMs,
    waitMs: Math.max(0, startedAt - runnableAt),
    traceId: traceIdOf(span),
    ...(isFailure && { error: outcome.error }),
  });
}
