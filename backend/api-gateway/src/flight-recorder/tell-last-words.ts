import type { LastWords } from '@clearway/contracts';
import type { Errors, Logs, Metrics } from '@clearway/telemetry';
import { flightMetrics } from './flight-metrics.ts';
import type { BlockedLoop, StackFrame } from './stack-frames.ts';

/** Tells of what the flight recorder saw, in the log, in the metrics and to the error tracker. */
export interface FlightSignals {
  /** What the process before this one left behind. */
  predecessor(words: LastWords): void;
  /** The event loop was blocked and goes on. */
  unblocked(blocked: BlockedLoop): void;
}

const SHOWN_FRAMES = 10;

/** Makes them. */
export function flightSignals(signals: { logs: Logs; metrics: Metrics; errors: Errors }): FlightSignals {
  const { errors } = signals;
  const { logger } = signals.logs;
  const counts = flightMetrics(signals.metrics);
  return {
    predecessor(words) {
      counts.ended(words.end);
      if (words.end === 'in_order') return;
      const facts = factsOf(words);
      logger.error('the gateway before this one did not end in order', facts);
      errors.reportError('gateway died', namedError(words), { feature: 'flight-recorder', ...facts });
    },
    unblocked({ forMs, frames }) {
      counts.blocked();
      logger.warn('the event loop was blocked', { blocked_ms: forMs, stack: stackText(frames) });
    },
  };
}

function factsOf(words: LastWords): Record<string, unknown> {
  const { end, explanation, isCertain, cause, exitCode, error, blocked, memory, requests } = words;
  return {
    end,
    explanation,
    is_certain: isCertain,
    ...(cause !== undefined && { cause }),
    ...(exitCode !== undefined && { exit_code: exitCode }),
    ...(error !== undefined && { previous_error: error }),
    previous_pid: words.pid,
    previous_version: words.version,
    last_seen_at: words.lastSeenAt,
    uptime_s: words.uptimeSeconds,
    open_requests: requests.open,
    total_requests: requests.total,
    heap_used_bytes: memory.heapUsedBytes,
    resident_bytes: memory.residentBytes,
    ...(blocked?.isLast && { blocked_ms: blocked.forMs, stack: stackText(blocked.stack) }),
    details: 'GET /api/gateway/last-words on the admin listener',
  };
}

/** Named after the end and grouped by the place, so that the tracker keeps one issue for each cause. */
function namedError({ end, explanation, blocked }: LastWords): Error {
  const error = new Error(explanation);
  error.name = `GatewayDied: ${end}`;
  // what stands in it is where this process is, which says nothing
  const frames = blocked?.isLast ? blocked.stack : [];
  error.stack = [`${error.name}: ${error.message}`, ...frames.map((frame) => `    at ${frameText(frame)}`)].join('\n');
  return error;
}

function stackText(frames: readonly StackFrame[]): string {
  return frames.slice(0, SHOWN_FRAMES).map(frameText).join(' ← ');
}

function frameText({ function: name, file, line, column }: StackFrame): string {
  return `${name} (${file}:${line}:${column})`;
}
