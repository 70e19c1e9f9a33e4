import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '@clearway/kernel';

/** A delivery that failed. */
export class NoticeFailure extends Error {
  override readonly name = 'NoticeFailure';
  /** Whether another try may succeed. */
  readonly isPassing: boolean;
  /** How long the receiver asked to wait before the next try. */
  readonly pauseMs: number;

  constructor(message: string, isPassing: boolean, pauseMs = 0) {
    super(message);
    this.isPassing = isPassing;
    this.pauseMs = pauseMs;
  }
}

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
/** Slack takes a message a second, and asks for more patience where many come. */
const LONGEST_ASKED_PAUSE_MS = 30_000;

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
      const usualMs = backoffMs(attempt, { baseMs: FIRST_PAUSE_MS, maxMs: LONGEST_PAUSE_MS });
      await pause(Math.max(usualMs, Math.min(error.pauseMs, LONGEST_ASKED_PAUSE_MS)));
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
  let retryAfter: string | null;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      // who answers elsewhere is not who was meant
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    });
    status = answer.status;
    retryAfter = answer.headers.get('retry-after');
    // nobody reads it, and the connection is free again
    await answer.body?.cancel();
  } catch (error) {
    throw new NoticeFailure(`no answer: ${causeOf(error)}`, true);
  }
  if (status >= 200 && status < 300) return;
  throw new NoticeFailure(`it answered ${status}`, status === 429 || status >= 500, secondsToMs(retryAfter));
}

/** A date in the place of seconds is not waited for. */
const secondsToMs = (text: string | null): number => (/^\d{1,6}$/.test(text ?? '') ? Number(text) * 1000 : 0);

/** By its code alone: messages may name the address. */
function causeOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: unknown }; name?: string };
  return typeof cause?.code === 'string' ? cause.code : (name ?? 'unknown');
}
