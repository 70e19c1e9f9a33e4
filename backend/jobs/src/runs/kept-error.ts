import { inspect, types } from 'node:util';
import { storable } from './storable.ts';

const LONGEST_MESSAGE = 4000;
const LONGEST_STACK = 16_000;
const LONGEST_CAUSE = 1000;
const MOST_CAUSES = 5;

/** What is kept of the cause of an error. */
export interface KeptCause {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** An error as it is kept. */
export interface KeptError extends KeptCause {
  readonly stack?: string;
  /** What it was caused by, outermost first. */
  readonly causes?: readonly KeptCause[];
}

/** An error as it is kept, whatever was thrown: bounded, and of characters that the database can hold. */
export function keepError(error: unknown): KeptError {
  const stack: unknown = isError(error) ? error.stack : undefined;
  const causes = causesOf(error);
  return {
    ...factsOf(error, LONGEST_MESSAGE),
    ...(typeof stack === 'string' && { stack: storable(stack, LONGEST_STACK) }),
    ...(causes.length > 0 && { causes }),
  };
}

function factsOf(error: unknown, longest: number): KeptCause {
  if (!isError(error)) {
    return { name: typeof error, message: storable(typeof error === 'string' ? error : inspect(error), longest) };
  }
  const { name, message, code } = error as Error & { code?: unknown };
  const isCode = (typeof code === 'string' || typeof code === 'number') && `${code}` !== '';
  return {
    name: storable(String(name), 200),
    message: storable(String(message), longest),
    ...(isCode && { code: storable(`${code}`, 100) }),
  };
}

/** Causes, and the errors of an AggregateError; a circle ends at the bound. */
function causesOf(error: unknown): KeptCause[] {
  const causes: KeptCause[] = [];
  const waiting: unknown[] = insideOf(error);
  while (waiting.length > 0 && causes.length < MOST_CAUSES) {
    const cause = waiting.shift();
    causes.push(factsOf(cause, LONGEST_CAUSE));
    waiting.push(...insideOf(cause));
  }
  return causes;
}

function insideOf(error: unknown): unknown[] {
  if (!isError(error)) return [];
  const { cause, errors } = error as Error & { errors?: unknown };
  return [
    ...(cause === undefined || cause === null ? [] : [cause]),
    ...(Array.isArray(errors) ? (errors as unknown[]).slice(0, MOST_CAUSES) : []),
  ];
}

/** Also true for errors of another realm, for which instanceof is not. */
function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error;
}
