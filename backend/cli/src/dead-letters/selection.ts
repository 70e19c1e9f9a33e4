import type { DeadLetterSelection } from '@clearway/contracts';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { UsageError } from '../exit-codes.ts';
import { momentOf } from '../operations/moment.ts';

/** Conditions on dead letters, as options of a command. */
export interface Conditions {
  readonly job?: string | undefined;
  readonly signature?: string | undefined;
  readonly status?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly text?: string | undefined;
}

/** Adds the options that choose dead letters. */
export function withConditions(command: Command, { clock }: CliContext): Command {
  const moment = (text: string): string => momentOf(text, clock.nowMs());
  return command
    .option('--job <job>', 'only of this job')
    .option('--signature <signature>', 'only of this group; clearway dead-letters groups lists them')
    .option('--status <status>', 'only such: PENDING, PROCESSING, SUCCEEDED or FAILED', upperCase)
    .option('--since <time>', 'dead since this time or later: 2026-11-22T08:00:00Z, or 30m, 2h, 7d ago', moment)
    .option('--until <time>', 'dead before this time', moment)
    .option('--text <text>', "with this text in the error's message, three letters at least");
}

const upperCase = (text: string): string => text.toUpperCase();

/** The conditions as the query of a list. */
export function queryOf({ job, ...conditions }: Conditions, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(more);
  if (job !== undefined) query.set('jobId', job);
  for (const [name, value] of Object.entries(conditions)) if (value !== undefined) query.set(name, String(value));
  return query.toString();
}

/**
 * The conditions as the selection of a change.
 *
 * @throws {UsageError} when there is none: everything is never meant by leaving all out
 */
export function selectionOf(ids: readonly string[], conditions: Conditions): DeadLetterSelection {
  const { job, signature, status, since, until, text } = conditions;
  const selection = {
    ...(ids.length > 0 && { ids }),
    ...(job !== undefined && { jobId: job }),
    ...(signature !== undefined && { signature }),
    ...(status !== undefined && { status: status as 'PENDING' }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(text !== undefined && { text }),
  };
  if (Object.keys(selection).length > 0) return selection;
  throw new UsageError(
    'say which dead letters: their ids, or --job, --signature, --status, --since, --until or --text',
  );
}
