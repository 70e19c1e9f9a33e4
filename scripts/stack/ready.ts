import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 40;
const ANSWER_LIMIT_MS = 2000;

/**
 * Waits until a process says that it is ready.
 *
 * @param url answers 200 when it is, such as `http://127.0.0.1:8000/readyz`
 * @param options `signal` gives up early, for example when the process died
 * @throws an Error with the last answer when the limit is over
 */
export async function waitUntilReady(url: string, options: { limitMs: number; signal: AbortSignal }): Promise<void> {
  const endMs = performance.now() + options.limitMs;
  for (let last = 'no answer'; ;) {
    options.signal.throwIfAborted();
    try {
      const answer = await fetch(url, {
        signal: AbortSignal.any([options.signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
      });
      const text = await answer.text();
      if (answer.ok) return;
      last = `${answer.status} ${text.slice(0, 200)}`;
    } catch (error) {
      last = causeOf(error);
    }
    if (performance.now() > endMs) throw new Error(`${url} was not ready within ${options.limitMs / 1000} s: ${last}`);
    await sleep(POLL_MS, undefined, { signal: options.signal });
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
