/**
 * How long to wait before attempt `attempt` (1 is the first repetition): exponential with full jitter, so that many
 * clients of one dead server do not come back together.
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt from 1
 * @param options `baseMs` doubles with each attempt up to `maxMs`; `random` yields [0, 1)
 * @returns milliseconds
 * @example
 * await sleep(backoffMs(3, { baseMs: 100, maxMs: 10_000 }));
 */
export function backoffMs(attempt: number, options: { baseMs: number; maxMs: number; random?: () => number }): number {
  const ceilingMs = Math.min(options.maxMs, options.baseMs * 2 ** Math.max(0, attempt - 1));
  return Math.round((options.random ?? Math.random)() * ceilingMs);
}
