import { UnreachableError } from './connection-problem.ts';

/** What came of a question: its value, or why there is none. There is nothing between. */
export type Answer<T> = { readonly value: T } | { readonly skipped: string };

/** A question that cannot be asked here. */
export class SkippedError extends Error {}

/** The value of an answer, or undefined. */
export function valueOf<T>(answer: Answer<T> | undefined): T | undefined {
  return answer && 'value' in answer ? answer.value : undefined;
}

/** The reasons of all answers that are none, by question. */
export function skippedOf(answers: Readonly<Record<string, Answer<unknown>>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(answers).flatMap(([question, answer]) =>
      'skipped' in answer ? [[question, answer.skipped] as const] : [],
    ),
  );
}

/** The only row of an answer. */
export function firstRow<T>(answer: Answer<readonly T[]>): Answer<T> {
  if ('skipped' in answer) return answer;
  const [value] = answer.value;
  return value === undefined ? { skipped: 'the server answered nothing' } : { value };
}

/**
 * Turns what a question threw into the reason why it is skipped.
 *
 * @throws UnreachableError again, since it ends the whole pass
 */
export function reasonOf(error: unknown): string {
  if (error instanceof UnreachableError) throw error;
  if (error instanceof SkippedError) return error.message;
  const { code, message } = error as { code?: string; message: string };
  switch (code) {
    case '55P03':
      return 'somebody holds a lock that this needs: it was not waited for';
    case '57014':
      return 'it took too long and was given up';
    case '42501':
      return `the role has no right to it: ${message}`;
    default:
      return message;
  }
}
