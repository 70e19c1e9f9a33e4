import { formatTraceparent, type RequestRecord } from '@clearway/telemetry';

/**
 * The value of `Server-Timing` for a caller that may know: how long the gateway and its upstream took until the answer
 * began, and the trace, since a page's script can read this field and no other of the page's own answer.
 *
 * Source: W3C Server Timing, 2; durations are milliseconds.
 *
 * @param record with `answeredMs` set
 * @example
 * serverTiming(record) // 'gateway;dur=0.4, upstream;dur=12.3, traceparent;desc="00-4bf9…-00f0…-01"'
 */
export function serverTiming(record: RequestRecord): string {
  const { attempts, answeredMs = record.elapsedMs() } = record;
  let upstreamMs = 0;
  for (const { startMs, headersMs, endMs } of attempts) upstreamMs += (headersMs ?? endMs ?? answeredMs) - startMs;
  const trace = `traceparent;desc="${formatTraceparent(record)}"`;
  const gateway = `gateway;dur=${tenths(answeredMs - upstreamMs)}`;
  if (attempts.length === 0) return `${gateway}, ${trace}`;
  const times = attempts.length > 1 ? `;desc="${attempts.length} attempts"` : '';
  return `${gateway}, upstream;dur=${tenths(upstreamMs)}${times}, ${trace}`;
}

/** With one decimal, from whole numbers: turning a fraction into text costs several times as much. */
function tenths(ms: number): string {
  const whole = Math.max(0, Math.round(ms * 10));
  return `${Math.trunc(whole / 10)}.${whole % 10}`;
}
