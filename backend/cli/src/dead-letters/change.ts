import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  deadLetterMatchSchema,
  discardedSchema,
  replaySchema,
  type DeadLetterMatch,
  type DeadLetterSelection,
} from '@clearway/contracts';
import { z } from 'zod';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import { workerOf } from '../operations/client.ts';
import { count, safe } from '../terminal/style.ts';
import { followReplay } from './follow.ts';
import { replayLines } from './render.ts';
import { selectionOf, type Conditions } from './selection.ts';

/** A hundred thousand letters take half a minute to change. */
const BULK_LIMIT_MS = 600_000;

/** What all commands that change something take. */
export interface ChangeOptions {
  readonly url: string;
  readonly reason: string;
  readonly json?: true | undefined;
}

/** What changes of many letters take. */
export interface BulkOptions extends ChangeOptions, Conditions {
  readonly dryRun?: true | undefined;
  readonly yes?: true | undefined;
}

/** What a replay takes beside. */
export interface ReplayOptions extends BulkOptions {
  readonly input?: string | undefined;
  readonly inputFile?: string | undefined;
  readonly canary: boolean;
  readonly few: number;
  readonly rate: number;
  readonly retries?: number | undefined;
  readonly stopOn: string;
  readonly detach?: true | undefined;
}

/** `clearway dead-letters replay`. */
export async function replay(context: CliContext, ids: readonly string[], options: ReplayOptions): Promise<ExitCode> {
  const selection = selectionOf(ids, options);
  const input = await inputOf(context, options);
  const [id] = ids;
  const isOne = ids.length === 1 && id !== undefined && Object.keys(selection).length === 1 && !options.dryRun;
  if (isOne) return replayOne(context, id, input, options);
  if (input !== undefined) throw new UsageError('--input and --input-file need the id of one dead letter');
  return replayMany(context, selection, options);
}

async function inputOf(
  { directory }: CliContext,
  { input, inputFile }: ReplayOptions,
): Promise<{ readonly value: unknown } | undefined> {
  if (input !== undefined && inputFile !== undefined) throw new UsageError('give --input or --input-file, not both');
  const text = inputFile === undefined ? input : await readFile(path.resolve(directory, inputFile), 'utf8');
  if (text === undefined) return undefined;
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    throw new UsageError(`${inputFile ?? '--input'} is no JSON: ${(error as Error).message}`);
  }
}

const oneSchema = z.object({ replayId: z.uuid(), eventId: z.uuid() });

async function replayOne(
  context: CliContext,
  id: string,
  input: { readonly value: unknown } | undefined,
  { url, reason, retries, json, detach }: ReplayOptions,
): Promise<ExitCode> {
  const body = { reason, ...(input && { input: input.value }), ...(retries !== undefined && { retries }) };
  const begun = await workerOf(context, url).post(
    `/api/dead-letters/${encodeURIComponent(id)}/replay`,
    body,
    oneSchema,
  );
  if (!detach) return followReplay(context, url, begun.replayId, json === true);
  context.out(json ? JSON.stringify(begun) : `event ${begun.eventId} is enqueued, replay ${begun.replayId}`);
  return EXIT.ok;
}

async function replayMany(
  context: CliContext,
  selection: DeadLetterSelection,
  options: ReplayOptions,
): Promise<ExitCode> {
  const { url, reason, json, canary, few, rate, retries, stopOn, detach } = options;
  const order = {
    ...{ reason, selection, canary, few, stopOn, eventsPerSecond: rate },
    ...(retries !== undefined && { retries }),
  };
  const verdict = await agreed(context, '/api/dead-letters/replays', order, 'Replay', options);
  if (verdict !== undefined) return verdict;
  const begun = await workerOf(context, url).post('/api/dead-letters/replays', order, replaySchema, BULK_LIMIT_MS);
  if (!detach) return followReplay(context, url, begun.replayId, json === true);
  if (json) context.out(JSON.stringify(begun, null, 2));
  else for (const line of replayLines(begun, context.style)) context.out(line);
  return EXIT.ok;
}

/** `clearway dead-letters discard`. */
export async function discard(context: CliContext, ids: readonly string[], options: BulkOptions): Promise<ExitCode> {
  const { url, reason, json } = options;
  const selection = selectionOf(ids, options);
  const verdict = await agreed(context, '/api/dead-letters/discard', { reason, selection }, 'Discard', options);
  if (verdict !== undefined) return verdict;
  const answer = await workerOf(context, url).post(
    '/api/dead-letters/discard',
    { reason, selection },
    discardedSchema,
    BULK_LIMIT_MS,
  );
  context.out(json ? JSON.stringify(answer) : `${count(answer.discarded, 'dead letter')} discarded`);
  return EXIT.ok;
}

/**
 * Looks what a change would be of, and has it confirmed when that is more than one letter.
 *
 * @returns the exit status when there is nothing to do, or it was not agreed to
 */
async function agreed(
  context: CliContext,
  path: string,
  order: object,
  verb: string,
  { url, dryRun, yes, json }: BulkOptions,
): Promise<ExitCode | undefined> {
  const match = await workerOf(context, url).post(path, { ...order, dryRun: true }, deadLetterMatchSchema);
  const open = match.matching - match.inReplay;
  if (dryRun || open === 0) return tell(context, match, json === true, dryRun === true);
  if (yes || open === 1) return undefined;
  for (const line of matchLines(match)) context.error(line);
  if (!context.ask) throw new UsageError(`this is about ${open} dead letters: confirm it with --yes`);
  const answer = await context.ask(`${verb} ${count(open, 'dead letter')}? [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return undefined;
  context.error('Nothing was changed.');
  return EXIT.problem;
}

function tell(context: CliContext, match: DeadLetterMatch, json: boolean, isDryRun: boolean): ExitCode {
  if (json) context.out(JSON.stringify(match, null, 2));
  else for (const line of matchLines(match)) context.out(line);
  return isDryRun ? EXIT.ok : EXIT.problem;
}

function matchLines({ matching, inReplay, jobs }: DeadLetterMatch): string[] {
  if (matching === 0) return ['No dead letter is meant.'];
  return [
    ...jobs.map(
      (job) =>
        `${job.jobId}: ${count(job.count, 'dead letter')}${job.problem === null ? '' : `, ${safe(job.problem)}`}`,
    ),
    ...(inReplay > 0 ? [`${inReplay} more are being replayed already`] : []),
  ];
}

/** `clearway dead-letters cancel-replay`. */
export async function cancelReplay(
  context: CliContext,
  id: string,
  { url, reason, json }: ChangeOptions,
): Promise<ExitCode> {
  const path = `/api/dead-letters/replays/${encodeURIComponent(id)}/cancel`;
  const replayed = await workerOf(context, url).post(path, { reason }, replaySchema);
  if (json) context.out(JSON.stringify(replayed, null, 2));
  else for (const line of replayLines(replayed, context.style)) context.out(line);
  return EXIT.ok;
}
