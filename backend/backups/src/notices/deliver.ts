import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@clearway/kernel';

/** A delivery that failed. */
export class NoticeFailure extends Error {
  override readonly name = 'NoticeFailure';
  /** Whether another try may succeed. */
  readonly isPassing: boolean;

  constructor(message: string, isPassing: boolean) {
    super(message);
    this.isPassing = isPassing;
  }
}

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

/**
 * Tries to deliver a few times. What will not pass is not tried again.
 *
 * @param pause waits between two tries
 * @throws NoticeFailure of the last try
 */
export async function withRetries(
  deliver: () => Promise<void>,
  pause: (ms: number) => Promise<unknown> = (ms) => sleep(ms),
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await deliver();
    } catch (error) {
      const isPassing = error instanceof NoticeFailure && error.isPassing;
      if (!isPassing || attempt >= ATTEMPTS) throw error;
      await pause(backoffMs(attempt, { baseMs: FIRST_PAUSE_MS, maxMs: LONGEST_PAUSE_MS }));
    }
  }
}

const REQUEST_LIMIT_MS = 10_000;

/**
 * Posts a document. The address is never repeated in the failure: it may be the secret itself.
 *
 * @throws NoticeFailure
 */
export async function post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  let status: number;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    });
    status = answer.status;
    // nobody reads it, and the connection is free again
    await answer.body?.cancel();
  } catch (error) {
    throw new NoticeFailure(`no answer: ${causeOf(error)}`, true);
  }
  if (status >= 200 && status < 300) return;
  throw new NoticeFailure(`it answered ${status}`, status === 429 || status >= 500);
}

/** By its code alone: messages may name the address. */
function causeOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: unknown }; name?: string };
  return typeof cause?.code === 'string' ? cause.code : (name ?? 'unknown');
}
