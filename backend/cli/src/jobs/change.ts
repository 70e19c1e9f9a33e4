import { enqueuedSchema } from '@clearway/contracts';
import { z } from 'zod';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { followEvent } from './follow.ts';

/** What all commands that change something take. */
export interface ChangeOptions {
  readonly url: string;
  readonly reason: string;
  readonly json?: true | undefined;
}

const doneSchema = z.object({ done: z.string() });

/** `clearway jobs run`. */
export async function runNow(
  context: CliContext,
  job: string,
  options: ChangeOptions & { readonly input?: string | undefined; readonly follow?: true | undefined },
): Promise<ExitCode> {
  const { url, reason, input, json } = options;
  const body = { reason, ...(input !== undefined && { input: parsed(input) }) };
  const enqueued = await workerOf(context, url).post(`/api/jobs/${encodeURIComponent(job)}/run`, body, enqueuedSchema);
  if (options.follow) return followEvent(context, job, enqueued.eventId, options);
  context.out(json ? JSON.stringify(enqueued) : `event ${enqueued.eventId} waits in the queue of ${job}`);
  if (!json) context.out(`See it with: clearway jobs runs --job ${job}`);
  return EXIT.ok;
}

function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch (error) {
    throw new UsageError(`--input is no JSON: ${(error as Error).message}`);
  }
}

/** `clearway jobs pause` and `clearway jobs resume`. */
export function changeJob(
  context: CliContext,
  job: string,
  verb: 'pause' | 'resume',
  options: ChangeOptions,
): Promise<ExitCode> {
  return change(context, `/api/jobs/${encodeURIComponent(job)}/${verb}`, job, options);
}

/** `clearway jobs cancel`. */
export function cancelRun(context: CliContext, run: string, options: ChangeOptions): Promise<ExitCode> {
  return change(context, `/api/job-runs/${encodeURIComponent(run)}/cancel`, `run ${run}`, options);
}

/** `clearway jobs cancel-event`. */
export function cancelEvent(
  context: CliContext,
  job: string,
  event: string,
  options: ChangeOptions,
): Promise<ExitCode> {
  const path = `/api/jobs/${encodeURIComponent(job)}/events/${encodeURIComponent(event)}/cancel`;
  return change(context, path, `event ${event}`, options);
}

async function change(
  context: CliContext,
  path: string,
  subject: string,
  { url, reason, json }: ChangeOptions,
): Promise<ExitCode> {
  const answer = await workerOf(context, url).post(path, { reason }, doneSchema);
  context.out(json ? JSON.stringify(answer) : `${subject}: ${answer.done === 'asked' ? 'asked to stop' : answer.done}`);
  return EXIT.ok;
}
