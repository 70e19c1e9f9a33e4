import type { DeadLetter, DeadLetterGroup, DeadLetterSummary } from '@clearway/contracts';
import type { Response } from 'express';
import { roleOf } from '../operations/access.ts';
import type { TraceLink } from '../traces/trace-operations.ts';

/**
 * What events hold belongs to those whom they are about, and errors repeat it: message, stack, event, key and errors of
 * runs are for operators. A viewer sees which job failed how often, when, and with what kind of error.
 */
export function maySeeData(res: Response): boolean {
  return roleOf(res) === 'operator';
}

/** A summary as the caller may see it, with its trace. */
export function shownSummary(letter: DeadLetterSummary, isOperator: boolean, link: TraceLink): DeadLetterSummary {
  const { error, ...rest } = letter;
  return { ...rest, ...(isOperator && error !== undefined && { error }), ...linked(link, letter.traceId) };
}

/** A group as the caller may see it. */
export function shownGroup({ error, ...group }: DeadLetterGroup, isOperator: boolean): DeadLetterGroup {
  return { ...group, ...(isOperator && error !== undefined && { error }) };
}

/** A letter as the caller may see it, with its traces. */
export function shownLetter(letter: DeadLetter, isOperator: boolean, link: TraceLink): DeadLetter {
  const { error, event, editedEvent, stack, causes, key, runs, ...rest } = letter;
  const data = {
    ...{ error, event, stack, causes, key },
    ...(editedEvent !== undefined && { editedEvent }),
  } as Partial<DeadLetter>;
  return {
    ...rest,
    ...linked(link, letter.traceId),
    ...(isOperator && data),
    runs: runs.map(({ error: failure, ...run }) => ({
      ...run,
      ...linked(link, run.traceId),
      ...(isOperator && failure !== undefined && { error: failure }),
    })),
  };
}

function linked(link: TraceLink, traceId: string | null): { traceUrl?: string } {
  const traceUrl = traceId === null ? undefined : link(traceId);
  return traceUrl === undefined ? {} : { traceUrl };
}
