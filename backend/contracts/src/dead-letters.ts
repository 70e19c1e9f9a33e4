import { z } from 'zod';
import { traceIdSchema } from './identifiers.ts';
import { jobIdSchema, reasonSchema, runStatusSchema } from './jobs.ts';

const MAX_PAGE = 500;
const DEFAULT_PAGE = 50;
/** Letters that may be named one by one. */
const MOST_IDS = 1000;
const LONGEST_TEXT = 200;

const time = () => z.iso.datetime();
const moment = () => z.iso.datetime({ offset: true });
const url = () => z.url().exactOptional().meta({ description: 'The trace in Jaeger, when JAEGER_UI_URL is set.' });

/** How a dead letter stands. */
export const deadLetterStatusSchema = z.enum(['PENDING', 'PROCESSING', 'SUCCEEDED', 'FAILED']).meta({
  id: 'DeadLetterStatus',
  description: 'PENDING: waits for somebody. PROCESSING: is replayed. SUCCEEDED, FAILED: what came of the last replay.',
});

/** What failures of one kind share. */
export const signatureSchema = z
  .string()
  .regex(/^[0-9a-z]{1,64}$/, 'expected a signature, such as 1b0c5f9e7d3a2468')
  .meta({ id: 'FailureSignature', example: '1b0c5f9e7d3a2468' });

/** A dead letter in one line. */
export const deadLetterSummarySchema = z
  .object({
    id: z.uuid(),
    jobId: z.string(),
    status: deadLetterStatusSchema,
    discardedAt: time().nullable(),
    signature: signatureSchema,
    errorName: z.string().nullable(),
    error: z.string().exactOptional().meta({ description: 'The message, for operators; its beginning in a list.' }),
    attempts: z.int().min(0).meta({ description: 'Tries so far, those of replays included.' }),
    eventId: z.uuid().nullable(),
    traceId: traceIdSchema.nullable().meta({ description: 'Of the last try.' }),
    traceUrl: url(),
    requestId: z.string().nullable(),
    enqueuedAt: time().nullable(),
    lastAttemptAt: time().nullable(),
    processedAt: time().nullable().meta({ description: 'When the last replay ended.' }),
    createdAt: time(),
  })
  .readonly()
  .meta({ id: 'DeadLetterSummary' });

/** A page of dead letters, newest first. */
export const deadLetterListSchema = z
  .object({ deadLetters: z.array(deadLetterSummarySchema).readonly(), nextCursor: z.string().exactOptional() })
  .readonly()
  .meta({ id: 'DeadLetterList' });

const failureSchema = z.object({ name: z.string(), message: z.string(), code: z.string().exactOptional() }).readonly();

/** One try at the event of a dead letter. */
export const deadLetterRunSchema = z
  .object({
    runId: z.uuid(),
    eventId: z.uuid(),
    attempt: z.int().min(1),
    status: runStatusSchema,
    trigger: z.string(),
    worker: z.string().nullable(),
    startedAt: time(),
    endedAt: time().nullable(),
    durationMs: z.number().nullable(),
    traceId: traceIdSchema.nullable(),
    traceUrl: url(),
    error: failureSchema.nullable().exactOptional().meta({ description: 'For operators.' }),
  })
  .readonly()
  .meta({ id: 'DeadLetterRun' });

/** How an item of a replay stands. */
export const replayItemStatusSchema = z
  .enum(['WAITING', 'RELEASED', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'WITHDRAWN'])
  .meta({
    id: 'ReplayItemStatus',
    description:
      'RELEASED: its event is enqueued or runs. SKIPPED: the letter was handled otherwise. WITHDRAWN: the replay ended first.',
  });

/** What is kept of a dead letter beside its summary. */
const details = {
  editedEvent: z
    .json()
    .exactOptional()
    .meta({ description: 'The input that it was replayed with instead, for operators.' }),
  trigger: z.string().nullable().meta({ description: 'What made the event: enqueue, schedule, manual.' }),
  discardedBy: z.string().nullable(),
  discardReason: z.string().nullable(),
};

const event = () => z.json().meta({ description: 'The input of the job, for operators.' });
const stack = () => z.string().nullable().meta({ description: 'For operators.' });
const causes = () => z.array(failureSchema).readonly().meta({ description: 'Of the error, for operators.' });
const key = () => z.string().nullable().meta({ description: 'The idempotency key, for operators.' });

/** A dead letter with all that is kept of it. */
export const deadLetterSchema = z
  .object({
    ...deadLetterSummarySchema.unwrap().shape,
    ...details,
    event: event().exactOptional(),
    stack: stack().exactOptional(),
    causes: causes().exactOptional(),
    key: key().exactOptional(),
    isKeyDone: z.boolean().meta({
      description: 'Another event with the same key has succeeded meanwhile: a replay would find nothing to do.',
    }),
    runs: z.array(deadLetterRunSchema).readonly().meta({ description: 'Tries, oldest first, while they are kept.' }),
    replays: z
      .array(
        z
          .object({
            replayId: z.uuid(),
            actor: z.string(),
            reason: z.string(),
            status: replayItemStatusSchema,
            eventId: z.uuid().nullable(),
            at: time(),
            endedAt: time().nullable(),
          })
          .readonly(),
      )
      .readonly(),
  })
  .readonly()
  .meta({ id: 'DeadLetter' });

/** A line of an export: a letter whole, without its runs. */
export const exportedDeadLetterSchema = z
  .object({
    ...deadLetterSummarySchema.unwrap().omit({ error: true, traceUrl: true }).shape,
    ...details,
    error: z.string(),
    event: event(),
    stack: stack(),
    causes: causes(),
    key: key(),
  })
  .readonly()
  .meta({ id: 'ExportedDeadLetter' });

const countsSchema = z
  .object({
    pending: z.int().min(0),
    processing: z.int().min(0),
    succeeded: z.int().min(0),
    failed: z.int().min(0),
    discarded: z.int().min(0),
  })
  .readonly()
  .meta({ id: 'DeadLetterCounts' });

/** Dead letters that failed in the same way. */
export const deadLetterGroupSchema = z
  .object({
    signature: signatureSchema,
    jobId: z.string(),
    errorName: z.string().nullable(),
    error: z.string().exactOptional().meta({ description: "The sample's message, for operators." }),
    sampleId: z.uuid().nullable().meta({ description: 'The newest letter of the group.' }),
    counts: countsSchema,
    firstSeenAt: time(),
    lastSeenAt: time(),
  })
  .readonly()
  .meta({ id: 'DeadLetterGroup' });

/** A page of groups, the one that was seen last first. */
export const deadLetterGroupListSchema = z
  .object({ groups: z.array(deadLetterGroupSchema).readonly(), nextCursor: z.string().exactOptional() })
  .readonly()
  .meta({ id: 'DeadLetterGroupList' });

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

const discarded = () =>
  z
    .enum(['exclude', 'include', 'only'])
    .default('exclude')
    .meta({ description: 'Whether to show what was discarded; not unless it is asked for.' });

/** Shorter ones are not in the index, and would be searched for in every letter. */
const SHORTEST_TEXT = 3;
const text = () => z.string().trim().min(SHORTEST_TEXT).max(LONGEST_TEXT);

/** Conditions in the query of a list. */
const searched = {
  jobId: jobIdSchema.exactOptional(),
  status: deadLetterStatusSchema.exactOptional(),
  signature: signatureSchema.exactOptional(),
  since: moment().exactOptional().meta({ description: 'Dead since this moment or later.' }),
  until: moment().exactOptional().meta({ description: 'Dead before this moment.' }),
  text: text().exactOptional().meta({ description: "A part of the error's message; for operators." }),
  discarded: discarded(),
};

/** The query of `GET /api/dead-letters`. */
export const deadLetterQuerySchema = z.strictObject({ ...searched, limit: limit(), cursor: cursor() });

/** The query of `GET /api/dead-letters/export`. */
export const deadLetterExportQuerySchema = z.strictObject(searched);

/** The query of `GET /api/dead-letters/groups`. */
export const deadLetterGroupQuerySchema = z.strictObject({
  jobId: jobIdSchema.exactOptional(),
  status: deadLetterStatusSchema.exactOptional().meta({ description: 'Groups that have such letters.' }),
  discarded: discarded(),
  limit: limit(),
  cursor: cursor(),
});

/** Which letters a bulk change is about: all conditions must hold, and there is at least one. Those that can be replayed. */
export const deadLetterSelectionSchema = z
  .strictObject({
    ids: z.array(z.uuid()).min(1).max(MOST_IDS).readonly().exactOptional(),
    jobId: jobIdSchema.exactOptional(),
    status: z.enum(['PENDING', 'FAILED']).exactOptional(),
    signature: signatureSchema.exactOptional(),
    since: moment().exactOptional(),
    until: moment().exactOptional(),
    text: text().exactOptional(),
  })
  .refine((selection) => Object.values(selection).some((value) => value !== undefined), 'names no condition at all')
  .meta({ id: 'DeadLetterSelection' });

const retries = () =>
  z
    .int()
    .min(0)
    .max(50)
    .exactOptional()
    .meta({ description: 'Further tries of each event; as the job says when left out.' });

/** The body of `POST /api/dead-letters/{deadLetterId}/replay`. */
export const replayOneSchema = z.strictObject({
  reason: reasonSchema,
  input: z.json().exactOptional().meta({ description: 'Runs with this input instead of that of the event.' }),
  retries: retries(),
});

/** The body of `POST /api/dead-letters/replays`. */
export const replayRequestSchema = z.strictObject({
  reason: reasonSchema,
  selection: deadLetterSelectionSchema,
  canary: z.boolean().default(true).meta({ description: 'One first, then a few, then the rest.' }),
  few: z.int().min(1).max(1000).default(10).meta({ description: 'How many the second stage of a canary has.' }),
  eventsPerSecond: z.number().min(0.1).max(1000).default(10),
  retries: retries(),
  stopOn: z.enum(['same-signature', 'any-failure']).default('same-signature').meta({
    description:
      'What stops it: a failure that it set out to replay, or any failure. It also stops when nothing succeeds any more.',
  }),
  dryRun: z.boolean().default(false).meta({ description: 'Only says what would be replayed.' }),
});

/** What a bulk change would be about. */
export const deadLetterMatchSchema = z
  .object({
    matching: z.int().min(0),
    inReplay: z.int().min(0).meta({ description: 'Of these, already part of a replay that goes on.' }),
    jobs: z
      .array(z.object({ jobId: z.string(), count: z.int(), problem: z.string().nullable() }).readonly())
      .readonly()
      .meta({ description: 'problem: why the job cannot be replayed, or not now.' }),
  })
  .readonly()
  .meta({ id: 'DeadLetterMatch' });

/** Dead letters that are run again, with how far that is. */
export const replaySchema = z
  .object({
    replayId: z.uuid(),
    actor: z.string(),
    reason: z.string(),
    selection: z.record(z.string(), z.unknown()),
    isCanary: z.boolean(),
    few: z.int(),
    eventsPerSecond: z.number(),
    retries: z.int().nullable(),
    stopOn: z.enum(['same-signature', 'any-failure']),
    status: z.enum(['RUNNING', 'COMPLETED', 'STOPPED', 'CANCELLED']),
    stage: z.enum(['one', 'few', 'rest']),
    total: z.int().min(0),
    counts: z
      .object({
        waiting: z.int().min(0),
        released: z.int().min(0).meta({ description: 'Enqueued or running.' }),
        succeeded: z.int().min(0),
        failed: z.int().min(0),
        skipped: z.int().min(0),
        withdrawn: z.int().min(0),
      })
      .readonly(),
    stop: z
      .object({
        kind: z.enum(['same-signature', 'failure', 'nothing-succeeds', 'cancelled', 'job-gone']),
        message: z.string(),
        signature: signatureSchema.exactOptional(),
        deadLetterId: z.uuid().exactOptional(),
        by: z.string().exactOptional(),
        reason: z.string().exactOptional(),
      })
      .readonly()
      .nullable()
      .meta({ description: 'Why no more are released.' }),
    createdAt: time(),
    endedAt: time().nullable(),
  })
  .readonly()
  .meta({ id: 'Replay' });

/** A page of replays, newest first. */
export const replayListSchema = z
  .object({ replays: z.array(replaySchema).readonly(), nextCursor: z.string().exactOptional() })
  .readonly()
  .meta({ id: 'ReplayList' });

/** The query of `GET /api/dead-letters/replays`. */
export const replayQuerySchema = z.strictObject({
  status: z.enum(['RUNNING', 'COMPLETED', 'STOPPED', 'CANCELLED']).exactOptional(),
  limit: limit(),
  cursor: cursor(),
});

/** The body of `POST /api/dead-letters/discard`. */
export const discardRequestSchema = z.strictObject({
  reason: reasonSchema,
  selection: deadLetterSelectionSchema,
  dryRun: z.boolean().default(false).meta({ description: 'Only says how many it would be.' }),
});

/** The answer to a discard. */
export const discardedSchema = z.object({ discarded: z.int().min(0) }).meta({ id: 'Discarded' });

export type DeadLetter = z.infer<typeof deadLetterSchema>;
export type DeadLetterSummary = z.infer<typeof deadLetterSummarySchema>;
export type DeadLetterList = z.infer<typeof deadLetterListSchema>;
export type DeadLetterQuery = z.output<typeof deadLetterQuerySchema>;
export type DeadLetterExportQuery = z.output<typeof deadLetterExportQuerySchema>;
export type DeadLetterStatus = z.infer<typeof deadLetterStatusSchema>;
export type DeadLetterRun = z.infer<typeof deadLetterRunSchema>;
export type DeadLetterGroup = z.infer<typeof deadLetterGroupSchema>;
export type DeadLetterGroupList = z.infer<typeof deadLetterGroupListSchema>;
export type DeadLetterGroupQuery = z.output<typeof deadLetterGroupQuerySchema>;
export type DeadLetterMatch = z.infer<typeof deadLetterMatchSchema>;
export type DeadLetterSelection = z.output<typeof deadLetterSelectionSchema>;
export type ExportedDeadLetter = z.infer<typeof exportedDeadLetterSchema>;
export type Replay = z.infer<typeof replaySchema>;
export type ReplayList = z.infer<typeof replayListSchema>;
export type ReplayQuery = z.output<typeof replayQuerySchema>;
export type ReplayRequest = z.output<typeof replayRequestSchema>;
