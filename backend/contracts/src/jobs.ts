import { z } from 'zod';
import { traceIdSchema } from './identifiers.ts';

const MAX_PAGE = 500;
const DEFAULT_PAGE = 50;

const time = () => z.iso.datetime();

/** Names a job. */
export const jobIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/)
  .meta({ id: 'JobId', example: 'render-cover' });

/** How a run stands or ended. */
export const runStatusSchema = z
  .enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'LOST', 'DUPLICATE'])
  .meta({
    id: 'JobRunStatus',
    description:
      'LOST: its worker died. DUPLICATE: its key had succeeded before, nothing was done. CANCELLED: by a person, or given back when its worker ended.',
  });

const percentilesSchema = z
  .object({ p50: z.number(), p95: z.number(), p99: z.number() })
  .readonly()
  .nullable()
  .meta({ description: 'Each within 2.2 % of the exact value; null before the first success.' });

/** What a job has done so far. */
export const jobMetricsSchema = z
  .object({
    jobId: jobIdSchema,
    totalExecutions: z.int().min(0),
    successCount: z.int().min(0),
    failureCount: z.int().min(0).meta({ description: 'Failed, timed out and lost runs.' }),
    timeoutCount: z.int().min(0),
    lostCount: z.int().min(0),
    totalDurationMs: z.number(),
    minDurationMs: z.number().nullable(),
    maxDurationMs: z.number().nullable(),
    lastDurationMs: z.number().nullable(),
    durationMs: percentilesSchema,
    totalWaitMs: z.number().meta({ description: 'From the moment when an event could have run to when it did.' }),
    maxWaitMs: z.number().nullable(),
    waitMs: percentilesSchema,
    itemsProcessed: z.int().min(0),
    lastExecutionAt: time().nullable(),
    lastSuccessAt: time().nullable(),
    lastFailureAt: time().nullable(),
    metadata: z.unknown(),
  })
  .readonly()
  .meta({ id: 'JobMetrics' });

/** The answer of `GET /api/metrics`. */
export const jobMetricsListSchema = z
  .object({ jobs: z.array(jobMetricsSchema).readonly() })
  .meta({ id: 'JobMetricsList' });

/** The query of `GET /api/metrics`. */
export const jobMetricsQuerySchema = z.strictObject({
  jobId: jobIdSchema.exactOptional().meta({ description: 'Only this job.' }),
});

/** What waits in the queue of a job. */
export const queueStateSchema = z
  .object({
    ready: z.int().min(0).meta({ description: 'Could run now.' }),
    deferred: z.int().min(0).meta({ description: 'Wait for their time: enqueued for later, or to be tried again.' }),
    active: z.int().min(0),
    at: time().meta({ description: 'When it was counted; some seconds ago, so that a page costs the queue nothing.' }),
  })
  .readonly()
  .nullable()
  .meta({ id: 'QueueState' });

/** A job, with how it stands. */
export const jobSchema = z
  .object({
    jobId: jobIdSchema,
    description: z.string().nullable(),
    source: z.enum(['defined', 'reported']).meta({ description: 'Run by a worker here, or told of by reports.' }),
    service: z.string().nullable(),
    settings: z
      .record(z.string(), z.unknown())
      .meta({ description: 'Limits, retries, schedule, schema of the input.' }),
    pausedAt: time().nullable(),
    pausedBy: z.string().nullable(),
    nextDueAt: time().nullable(),
    lastDueAt: time().nullable(),
    queue: queueStateSchema,
    deadLetters: z.int().min(0).meta({ description: 'That wait for somebody.' }),
  })
  .readonly()
  .meta({ id: 'Job' });

/** The answer of `GET /api/jobs`. */
export const jobListSchema = z.object({ jobs: z.array(jobSchema).readonly() }).meta({ id: 'JobList' });

/** One run in a list. */
export const jobRunSummarySchema = z
  .object({
    runId: z.uuid(),
    jobId: jobIdSchema,
    eventId: z.uuid().nullable(),
    reportedId: z.string().nullable().meta({ description: 'The id that a reporter gave.' }),
    attempt: z.int().min(1),
    status: runStatusSchema,
    trigger: z.string().meta({ description: 'enqueue, schedule, manual, replay or report.' }),
    worker: z.string().nullable(),
    startedAt: time(),
    endedAt: time().nullable(),
    waitMs: z.number().nullable(),
    durationMs: z.number().nullable(),
    itemsProcessed: z.int().min(0).nullable(),
    progress: z
      .object({ done: z.number(), total: z.number(), note: z.string().optional(), at: z.string().optional() })
      .nullable(),
    traceId: traceIdSchema.nullable(),
    errorMessage: z.string().nullable(),
  })
  .readonly()
  .meta({ id: 'JobRunSummary' });

/** A page of runs, newest first. */
export const jobRunListSchema = z
  .object({ runs: z.array(jobRunSummarySchema).readonly(), nextCursor: z.string().exactOptional() })
  .readonly()
  .meta({ id: 'JobRunList' });

/** A run with all that is kept of it. */
export const jobRunSchema = z
  .object({
    ...jobRunSummarySchema.unwrap().shape,
    enqueuedAt: time().nullable(),
    dueAt: time().nullable(),
    heartbeatAt: time().nullable(),
    cancelRequestedAt: time().nullable(),
    requestId: z.string().nullable(),
    error: z.object({ name: z.string(), message: z.string(), stack: z.string().optional() }).nullable(),
    output: z.unknown(),
    metadata: z.unknown(),
    logs: z.array(z.record(z.string(), z.unknown())).nullable(),
    traceUrl: z.url().exactOptional().meta({ description: 'The trace in Jaeger, when JAEGER_UI_URL is set.' }),
  })
  .readonly()
  .meta({ id: 'JobRun' });

const limit = () =>
  z
    .string()
    .regex(/^\d+$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(MAX_PAGE))
    .default(DEFAULT_PAGE)
    .meta({ description: `Entries of a page, at most ${MAX_PAGE}.` });

const cursor = () =>
  z.string().min(1).max(200).exactOptional().meta({ description: '`nextCursor` of the page before.' });

/** The query of `GET /api/job-runs`. */
export const jobRunQuerySchema = z.strictObject({
  jobId: jobIdSchema.exactOptional(),
  status: runStatusSchema.exactOptional(),
  eventId: z.uuid().exactOptional().meta({ description: 'Only tries of this event.' }),
  limit: limit(),
  cursor: cursor(),
});

/** An event that waits in the queue of a job. */
export const jobEventSchema = z
  .object({
    eventId: z.uuid(),
    state: z.enum(['created', 'retry']).meta({ description: 'retry: it failed before.' }),
    priority: z.int(),
    attempts: z.int().min(0),
    enqueuedAt: time(),
    startAfter: time(),
    trigger: z.string().nullable(),
    key: z.string().nullable(),
  })
  .readonly()
  .meta({ id: 'JobEvent' });

/** A page of events, in the order in which they are taken. */
export const jobEventListSchema = z
  .object({ events: z.array(jobEventSchema).readonly(), nextCursor: z.string().exactOptional() })
  .readonly()
  .meta({ id: 'JobEventList' });

/** The query of `GET /api/jobs/{jobId}/events`. */
export const jobEventQuerySchema = z.strictObject({ limit: limit(), cursor: cursor() });

/** Why an operator does something: kept in the audit. */
export const reasonSchema = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .meta({ description: 'Kept in the audit with who and when.' });

/** The body of what changes a job. */
export const jobChangeSchema = z.strictObject({ reason: reasonSchema });

/** The body of `POST /api/jobs/{jobId}/run`. */
export const runNowSchema = z.strictObject({
  reason: reasonSchema,
  input: z.json().optional().meta({ description: "The schedule's input, or {}, when left out." }),
});

/** The answer to what enqueues. */
export const enqueuedSchema = z
  .object({ eventId: z.uuid(), isDuplicate: z.boolean() })
  .meta({ id: 'Enqueued', description: 'isDuplicate: an event with the same key was there; this is its id.' });

const MAX_ERROR = 8000;
const MOST_ITEMS = 1e12;

/** The body of `POST /api/jobs/{jobId}/runs`: what a job that runs elsewhere tells of itself. */
export const runReportSchema = z
  .strictObject({
    status: z.enum(['started', 'success', 'failure', 'heartbeat']),
    runId: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'The same for all reports of a run; needed for `started` and `heartbeat`.' }),
    durationMs: z
      .number()
      .min(0)
      .max(366 * 86_400_000)
      .optional()
      .meta({ description: 'Otherwise the time since `started`; unknown when that was not reported.' }),
    itemsProcessed: z.int().min(0).max(MOST_ITEMS).optional(),
    error: z.string().max(MAX_ERROR).optional(),
    metadata: z.record(z.string(), z.json()).optional(),
    progress: z
      .strictObject({ done: z.number().min(0), total: z.number().min(0), note: z.string().max(500).optional() })
      .optional()
      .meta({ description: 'How far it is, with `started` or `heartbeat`.' }),
    expected: z
      .union([
        z.strictObject({
          cron: z.string().min(1).max(200),
          timeZone: z.string().max(64).default('UTC'),
          graceSeconds: z.int().min(1).max(604_800).optional(),
        }),
        z.strictObject({
          everySeconds: z
            .int()
            .min(1)
            .max(366 * 86_400),
          graceSeconds: z.int().min(1).max(604_800).optional(),
        }),
      ])
      .optional()
      .meta({ description: 'When the job runs: a report that does not come in time makes it late.' }),
  })
  .refine(({ status, runId }) => runId !== undefined || status === 'success' || status === 'failure', {
    path: ['runId'],
    message: 'is needed with started and heartbeat',
  })
  .meta({ id: 'RunReport' });

/** The answer to a report. */
export const runReportAnswerSchema = z
  .object({
    runId: z.uuid().meta({ description: 'The run as GET /api/job-runs/{runId} knows it.' }),
    status: runStatusSchema,
    isCancelRequested: z.boolean().meta({ description: 'An operator asked for the run to be stopped.' }),
  })
  .meta({ id: 'RunReportAnswer' });

/** How a job stands. */
export const jobStateSchema = z.enum(['healthy', 'late', 'failing', 'slow', 'silent', 'suspicious']).meta({
  id: 'JobState',
  description: 'suspicious: much faster than usual, or without the output it usually has.',
});

/** Why a job is not healthy. */
export const jobReasonSchema = z
  .object({
    code: z.string(),
    state: jobStateSchema,
    text: z.string().meta({ description: 'For a person.' }),
    since: time(),
    runId: z.uuid().exactOptional(),
  })
  .readonly()
  .meta({ id: 'JobReason' });

/** The answer of `GET /api/health/jobs`. */
export const jobHealthSchema = z
  .object({
    status: z.enum(['healthy', 'degraded']).meta({ description: 'degraded: at least one job is not healthy.' }),
    at: time().meta({ description: 'When it was judged; older when the database does not answer.' }),
    jobs: z
      .array(
        z
          .object({
            jobId: jobIdSchema,
            state: jobStateSchema,
            isPaused: z.boolean(),
            reasons: z.array(jobReasonSchema).readonly().meta({ description: 'The worst first.' }),
            nextDueAt: time().nullable(),
            failuresInRow: z.int().min(0),
          })
          .readonly(),
      )
      .readonly(),
  })
  .readonly()
  .meta({ id: 'JobHealth' });

/** What is usual for a job, and how its last runs stand against it. */
export const jobBaselineSchema = z
  .object({
    jobId: jobIdSchema,
    phase: z.string().meta({ description: 'learning, or frozen.' }),
    verdict: z.string().meta({ description: 'learning, normal, slow, fast or empty.' }),
    evidence: z.string().nullable().meta({ description: 'For a person.' }),
    ratio: z.number().nullable().meta({ description: 'How many times as long as expected the runs since then took.' }),
    sinceRunId: z.uuid().nullable(),
    sinceAt: time().nullable(),
    baselineAvgMs: z.number(),
    baselineP50Ms: z.number().nullable(),
    baselineP95Ms: z.number(),
    sampleSize: z.int().min(0),
    updatedAt: time(),
  })
  .readonly()
  .meta({ id: 'JobBaseline' });

/** One change that somebody made. */
export const auditEntrySchema = z
  .object({
    id: z.uuid(),
    at: time(),
    actor: z.string(),
    action: z.string(),
    subject: z.string(),
    reason: z.string().nullable(),
    details: z.unknown(),
  })
  .readonly()
  .meta({ id: 'AuditEntry' });

/** A page of the audit, newest first. */
export const auditListSchema = z
  .object({ entries: z.array(auditEntrySchema).readonly(), nextCursor: z.string().exactOptional() })
  .readonly()
  .meta({ id: 'AuditList' });

const auditCondition = () => z.string().min(1).max(200).exactOptional();

/** The query of `GET /api/audit`. */
export const auditQuerySchema = z.strictObject({
  subject: auditCondition().meta({ description: 'Only of this.', example: 'job:render-cover' }),
  actor: auditCondition().meta({ description: 'Only of whom this text names, in any case.', example: 'ada' }),
  action: auditCondition().meta({ description: 'Only this action, or all that begin with this word.', example: 'job' }),
  since: time().exactOptional().meta({ description: 'At this time or later.' }),
  until: time().exactOptional().meta({ description: 'Before this time.' }),
  limit: limit(),
  cursor: cursor(),
});

export type Job = z.infer<typeof jobSchema>;
export type JobMetrics = z.infer<typeof jobMetricsSchema>;
export type JobRun = z.infer<typeof jobRunSchema>;
export type JobRunSummary = z.infer<typeof jobRunSummarySchema>;
export type JobRunStatus = z.infer<typeof runStatusSchema>;
export type JobEvent = z.infer<typeof jobEventSchema>;
export type JobHealthDocument = z.infer<typeof jobHealthSchema>;
export type JobState = z.infer<typeof jobStateSchema>;
export type RunReport = z.infer<typeof runReportSchema>;
export type RunReportAnswer = z.infer<typeof runReportAnswerSchema>;
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export type AuditQuery = z.infer<typeof auditQuerySchema>;
export type JobBaseline = z.infer<typeof jobBaselineSchema>;
