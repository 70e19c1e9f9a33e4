import { z } from 'zod';
import type { JobContext } from './job-context.ts';
import { problemsOf } from './problems-of.ts';
import { schedule, type ScheduleInput } from './schedule-settings.ts';

/** Names of jobs: they are labels of metrics and parts of paths. */
export const JOB_ID = /^[a-z0-9][a-z0-9._-]{0,99}$/;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const settings = z.strictObject({
  id: z.string().regex(JOB_ID, 'use lower-case letters, digits, "-", "_" and ".", at most 100'),
  description: z.string().max(500).optional(),
  timeoutMs: z
    .int()
    .min(100)
    .max(24 * HOUR_MS)
    .default(15 * MINUTE_MS),
  retries: z.int().min(0).max(50).default(2),
  backoff: z
    .strictObject({ minMs: z.int().min(1000).default(1000), maxMs: z.int().min(1000).default(HOUR_MS) })
    .refine(({ minMs, maxMs }) => minMs <= maxMs, 'minMs must not be above maxMs')
    .prefault({}),
  concurrency: z.int().min(1).max(1000).default(1),
  /** At most one run at a time over all workers. */
  exclusive: z.boolean().default(false),
  schedule: schedule.optional(),
});

/** What a job is, as its author writes it. */
export interface JobOptions<Schema extends z.ZodType, Output> {
  /** Names the job in metrics, logs and paths: lower-case letters, digits, `-`, `_` and `.`. */
  readonly id: string;
  /** What it is for, in a sentence: shown to the person who is paged. */
  readonly description?: string;
  /** What an event must look like; others are refused when they are enqueued. */
  readonly input: Schema;
  /** After how long a run is stopped, in milliseconds; 15 minutes by default, 24 hours at most. */
  readonly timeoutMs?: number;
  /** How often a failed event is tried again; 2 by default. */
  readonly retries?: number;
  /** How long to wait before the next try, in milliseconds: from `minMs`, doubled each time, up to `maxMs`. */
  readonly backoff?: { readonly minMs?: number; readonly maxMs?: number };
  /** How many events one process works on at the same time; 1 by default. */
  readonly concurrency?: number;
  /** Whether at most one run may be going on over all processes. Fixed once the queue exists. */
  readonly exclusive?: boolean;
  /** When it runs without being asked. */
  readonly schedule?: ScheduleInput;
  /** Two events with the same key are one piece of work: it succeeds once. */
  readonly idempotencyKey?: (input: z.output<Schema>) => string;
  readonly run: (input: z.output<Schema>, context: JobContext) => Promise<Output> | Output;
}

/** A job that was checked. */
export interface JobDefinition<Schema extends z.ZodType = z.ZodType, Output = unknown> {
  readonly settings: z.output<typeof settings>;
  readonly input: Schema;
  readonly idempotencyKey: ((input: z.output<Schema>) => string) | undefined;
  readonly run: (input: z.output<Schema>, context: JobContext) => Promise<Output> | Output;
}

/** Any job, whatever its input. */
export interface AnyJob {
  readonly settings: z.output<typeof settings>;
  readonly input: z.ZodType;
  readonly idempotencyKey: ((input: never) => string) | undefined;
  readonly run: (input: never, context: JobContext) => unknown;
}

/**
 * Defines a job.
 *
 * @throws {TypeError} when the definition is not valid; the message names every fault
 * @example
 * export const renderCover = defineJob({
 *   id: 'render-cover',
 *   input: z.object({ trackId: z.uuid() }),
 *   timeoutMs: 60_000,
 *   idempotencyKey: ({ trackId }) => trackId,
 *   run: async ({ trackId }, { signal }) => render(trackId, signal),
 * });
 */
export function defineJob<Schema extends z.ZodType, Output = unknown>(
  options: JobOptions<Schema, Output>,
): JobDefinition<Schema, Output> {
  const { input, run, idempotencyKey, ...rest } = options;
  const parsed = settings.safeParse(rest);
  if (!parsed.success) throw new TypeError(`job "${options.id}": ${problemsOf(parsed.error)}`);
  return Object.freeze({ settings: Object.freeze(parsed.data), input, idempotencyKey, run });
}
